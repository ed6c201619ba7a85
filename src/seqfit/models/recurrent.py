"""Placeholder."""
import attrs, torch
from seqfit.models.base import Model, StreamModule
from seqfit.validators import as_tuple
class M(StreamModule):
    def __init__(s, cell, i, h, l, head, o, **k):
        super().__init__(); s.recurrence=cell(i,h,l,**k); s.lstm=cell is torch.nn.LSTM
        w=[h,*head,o]; m=[]
        for a,b in zip(w,w[1:]): m+= [torch.nn.Linear(a,b),torch.nn.ReLU()]
        s.head=torch.nn.Sequential(*m[:-1])
    def start(s,n):
        p=next(s.parameters()); z=p.new_zeros(n,s.recurrence.num_layers,s.recurrence.hidden_size)
        return (z,z.clone()) if s.lstm else z
    def forward(s,x,h):
        t=lambda a:a.transpose(0,1).contiguous()
        o,h=s.recurrence(x,tuple(map(t,h)) if s.lstm else t(h))
        return s.head(o),(tuple(a.transpose(0,1) for a in h) if s.lstm else h.transpose(0,1))
@attrs.frozen
class GRU(Model):
    hidden:int=50; layers:int=1; head:tuple[int,...]=attrs.field(default=(50,),converter=as_tuple)
    def build(s,i,o): return M(torch.nn.GRU,i,s.hidden,s.layers,s.head,o)
@attrs.frozen
class LSTM(Model):
    hidden:int=50; layers:int=1; head:tuple[int,...]=attrs.field(default=(50,),converter=as_tuple)
    def build(s,i,o): return M(torch.nn.LSTM,i,s.hidden,s.layers,s.head,o)
@attrs.frozen
class RNN(Model):
    hidden:int=50; layers:int=1; head:tuple[int,...]=attrs.field(default=(50,),converter=as_tuple); activation:str="tanh"
    def build(s,i,o): return M(torch.nn.RNN,i,s.hidden,s.layers,s.head,o,nonlinearity=s.activation)
