"""What learns: models."""

from seqfit.models.base import Model, StreamModule, TeacherForced
from seqfit.models.diagonal import DiagonalStateSpace
from seqfit.models.output_feedback import OutputFeedback
from seqfit.models.recurrent import GRU, LSTM, RNN
from seqfit.models.scaled import Scaled
from seqfit.models.state_space import StateSpace
from seqfit.models.wrap import Wrap

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "DiagonalStateSpace",
    "Model",
    "OutputFeedback",
    "Scaled",
    "StateSpace",
    "StreamModule",
    "TeacherForced",
    "Wrap",
]
