"""Samples that come once and may never end: from iterators, pipes and growing files."""

from seqfit.live.base import Chunk, LiveSource
from seqfit.live.files import GrowingFile
from seqfit.live.iterated import Iterated
from seqfit.live.pipes import Pipe

__all__ = ["Chunk", "GrowingFile", "Iterated", "LiveSource", "Pipe"]
