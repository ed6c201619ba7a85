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
from seqfit.streams import Axes, IndivisibleError, stream_axes, take
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
        own: those of the streams that are given.
        axes: where the streams lie in the states of signal and target, which are then those of its
            own streams; None where the others run along, since the states can't be divided.
    """

    signal: Signal
    target: Target
    streams: int
    outputs: int
    dtype: str
    missing: str
    signal_state: State
    target_state: State
    own: range
    axes: tuple[Axes, Axes] | None = None

    @classmethod
    def start(
        cls,
        signal: Signal,
        target: Target,
        streams: int,
        seed: int,
        dtype: str,
        missing: str,
        own: range | None = None,
    ) -> SampleSource:
        """The streams of a seed, from their first sample.

        Args:
            signal: gives the inputs.
            target: gives the outputs.
            streams: how many run side by side.
            seed: of the streams.
            dtype: of the samples.
            missing: as of `Experiment`.
            own: those of the streams that are given; None for all.

        Raises:
            ValueError: the signal has fewer streams.
        """
        limit = signal.max_streams
        if limit is not None and streams > limit:
            raise ValueError(f"the signal has {limit} streams, {streams} were asked for")
        outputs = target.outputs(signal.channels)
        states = signal.start(streams, seed), target.start(streams)
        everything = range(streams)
        if own is None or own == everything:
            return cls(signal, target, streams, outputs, dtype, missing, *states, everything)
        axes = axes_of(signal, target, seed)
        source = cls(signal, target, streams, outputs, dtype, missing, *states, own, axes)
        source.go_on_from(*states)
        return source

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

    def go_on_from(self, signal_state: State, target_state: State) -> None:
        """Go on from states of all streams, of which the source takes its own.

        Raises:
            TypeError: they are states of another number of streams.
        """
        if self.axes is not None:
            signal_state, target_state = (
                take(state, axes, self.own, self.streams)
                for state, axes in zip((signal_state, target_state), self.axes, strict=True)
            )
        self.signal_state, self.target_state = signal_state, target_state

    def take(self, length: int) -> tuple[Samples, Samples]:
        """The next samples; where they are refused, the source stays where it is.

        Args:
            length: samples of each stream.

        Returns:
            x, y: arrays of shape (length, streams, channels), of its own streams.

        Raises:
            ValueError: a shape is wrong, or a value is not finite.
            PartError: the signal or the target raised an exception.
        """
        with blamed_on(self.signal):
            x, signal_state = self.signal.generate(self.signal_state, length)
        run = self.streams if self.axes is None else len(self.own)
        x = as_samples(x, "the signal", run, self.signal.channels, self.dtype)
        with blamed_on(self.target):
            y, target_state = self.target.transform(x, self.target_state)
        y = as_samples(y, "the target", run, self.outputs, self.dtype, self.missing)
        if len(x) != length or len(y) != length:
            raise ValueError(
                f"{length} samples were asked for, the signal gave {len(x)}, the target {len(y)}"
            )
        self.signal_state, self.target_state = signal_state, target_state
        if run > len(self.own):
            x, y = x[:, self.own], y[:, self.own]
        return x, y


def axes_of(signal: Signal, target: Target, seed: int) -> tuple[Axes, Axes] | None:
    """Where the streams lie in the states of a signal and a target; None if that can't be told.

    The states before and after a sample of one stream and of two are compared.
    """
    if not signal.divisible:
        return None

    def states_of(streams: int) -> State:
        before = signal.start(streams, seed), target.start(streams)
        with blamed_on(signal):
            x, signal_after = signal.generate(before[0], 1 if signal.length != 0 else 0)
        with blamed_on(target):
            _, target_after = target.transform(x, before[1])
        return before, (signal_after, target_after)

    try:
        before, after = stream_axes(states_of(1), states_of(2))
    except IndivisibleError:
        return None
    return (before[0], before[1]) if before == after else None
