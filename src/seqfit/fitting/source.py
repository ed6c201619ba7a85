"""Where samples come from: a signal, and the target that turns it into outputs."""

from __future__ import annotations

from typing import final

import attrs

from seqfit.fitting.experiment import Experiment
from seqfit.fitting.samples import Samples, as_samples
from seqfit.plugins import blamed_on
from seqfit.randomness import EVALUATION, derived_seed
from seqfit.signals.base import Signal
from seqfit.states import State
from seqfit.targets.base import Target
from seqfit.validators import is_seed, require_positive_int

DEFAULT_STREAMS = 8
DEFAULT_LENGTH = 20_000


@final
@attrs.define
class SampleSource:
    """Streams of inputs and of what should come out, one stretch after the other.

    Attributes:
        signal: gives the inputs.
        target: gives the outputs.
        streams: how many run side by side.
        outputs: channels of an output.
        dtype: of the samples.
        missing: as of `Experiment`.
        signal_state: before the next sample.
        target_state: likewise.
    """

    signal: Signal
    target: Target
    streams: int
    outputs: int
    dtype: str
    missing: str
    signal_state: State
    target_state: State

    @classmethod
    def start(
        cls, signal: Signal, target: Target, streams: int, seed: int, dtype: str, missing: str
    ) -> SampleSource:
        """The streams of a seed, from their first sample.

        Raises:
            ValueError: the signal has fewer streams.
        """
        limit = signal.max_streams
        if limit is not None and streams > limit:
            raise ValueError(f"the signal has {limit} streams, {streams} were asked for")
        outputs = target.outputs(signal.channels)
        states = signal.start(streams, seed), target.start(streams)
        return cls(signal, target, streams, outputs, dtype, missing, *states)

    @classmethod
    def held_out(
        cls, experiment: Experiment, streams: int | None = None, seed: int | None = None
    ) -> SampleSource:
        """Streams that the experiment does not fit.

        Args:
            experiment: what is fitted.
            streams: number of streams; None takes 8, or as many as the signal has.
            seed: of the streams; None derives one from the experiment's.

        Raises:
            ValueError: there is no signal, or it has fewer streams.
        """
        if experiment.signal is None or experiment.target is None:
            raise ValueError("this fitter has no signal and no target: score it by score(x, y)")
        signal, target = experiment.signal.held_out(), experiment.target.held_out()
        if streams is None:
            streams = min(DEFAULT_STREAMS, signal.max_streams or DEFAULT_STREAMS)
        require_positive_int("streams", streams)
        fresh = derived_seed(experiment.seed, EVALUATION) if seed is None else seed
        if not is_seed(fresh):
            raise ValueError(f"seed must be an int from 0 to 2**63 - 1, got {seed!r}")
        return cls.start(signal, target, streams, fresh, experiment.dtype, experiment.missing)

    def length_of(self, samples: int | None) -> int:
        """Samples of each stream that make up a number over all streams.

        Args:
            samples: rounded up to whole time steps; None takes 20,000 of each stream, or all that
                the signal has.

        Raises:
            ValueError: the signal has fewer.
        """
        limit, streams = self.signal.length, self.streams
        if samples is None:
            return min(DEFAULT_LENGTH, limit or DEFAULT_LENGTH)
        require_positive_int("samples", samples)
        length = -(-samples // streams)
        if limit is not None and length > limit:
            raise ValueError(
                f"the signal ends after {limit * streams} samples, "
                f"{length * streams} were asked for"
            )
        return length

    def take(self, length: int) -> tuple[Samples, Samples]:
        """The next samples; where they are refused, the source stays where it is.

        Args:
            length: samples of each stream.

        Returns:
            x, y: arrays of shape (length, streams, channels).

        Raises:
            ValueError: a shape is wrong, or a value is not finite.
            PartError: the signal or the target raised an exception.
        """
        with blamed_on(self.signal):
            x, signal_state = self.signal.generate(self.signal_state, length)
        x = as_samples(x, "the signal", self.streams, self.signal.channels, self.dtype)
        with blamed_on(self.target):
            y, target_state = self.target.transform(x, self.target_state)
        y = as_samples(y, "the target", self.streams, self.outputs, self.dtype, self.missing)
        if len(x) != length or len(y) != length:
            raise ValueError(
                f"{length} samples were asked for, the signal gave {len(x)}, the target {len(y)}"
            )
        self.signal_state, self.target_state = signal_state, target_state
        return x, y
