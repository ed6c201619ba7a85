"""Placeholder."""

import attrs
from seqfit.models.base import Model, StreamModule


class W(StreamModule):
    def __init__(s, m):
        super().__init__()
        s.m = m

    def start(s, n):
        return s.m.start(n)

    def forward(s, x, h):
        return s.m(x, h)


@attrs.frozen
class Wrap(Model):
    module: object

    def build(s, i, o):
        return W(s.module(i, o))
