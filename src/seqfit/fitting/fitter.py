"""The streaming loop: samples go in, updates come out, and nothing is lost between calls."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import attrs

from seqfit import states
from seqfit.fitting.callbacks import Callback, StopFitting, require_callbacks
from seqfit.fitting.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from seqfit.fitting.course import Course
from seqfit.fitting.experiment import Experiment, from_partial_data, to_partial_data
from seqfit.fitting.fitted import Fitted
from seqfit.fitting.ranks import Ranks
from seqfit.fitting.report import Report
from seqfit.fitting.resets import Resets, as_mask
from seqfit.fitting.restored import refusing_what_does_not_fit, restore
from seqfit.fitting.samples import as_samples
from seqfit.fitting.snapshot import Snapshot
from seqfit.fitting.source import SampleSource
from seqfit.fitting.training import Training
from seqfit.live.base import LiveSource
from seqfit.models.base import StreamModule
from seqfit.second_order.levenberg_marquardt import watched
from seqfit.states import State
from seqfit.validators import as_tuple, require_positive, require_positive_int

if TYPE_CHECKING:
    from seqfit.diagnosis import Diagnosis

SAMPLES_AT_ONCE = 2**14
LIVE_AT_ONCE = 2**12


@final
@attrs.frozen(eq=False)
class Fitter(Fitted):
    """Fits a model to a stream, as its experiment says.

    Samples that don't fill an update wait for the next call, so that ``fit(100); fit(100)`` is
    ``fit(200)``, bit for bit. Numbers of samples count the samples of all streams.

    Attributes:
        callbacks: told of each update, see `seqfit.fitting.callbacks.Callback`.
        ranks: the processes that fit together, each a share of the schedule's streams; see
            `seqfit.fitting.ranks.joined`. All of them make the fitter, fit, save and load alike.
    """

    callbacks: tuple[Callback, ...] = attrs.field(
        default=(), converter=as_tuple, validator=require_callbacks, kw_only=True, repr=False
    )
    ranks: Ranks = attrs.field(factory=Ranks, kw_only=True, repr=False)
    _course: Course = attrs.field(init=False, factory=Course, repr=False)

    def __attrs_post_init__(self) -> None:
        Experiment.__attrs_post_init__(self)
        self.ranks.require(self.schedule.streams, self.device)
        self._course.begin(self.schedule.streams, self.seed)
        if self.signal is not None and self.target is not None:
            source = SampleSource.start(
                self.signal,
                self.target,
                self.schedule.streams,
                self.seed,
                self.dtype,
                self.missing,
                self._own,
            )
            self._course.source = source
            self._begin(self.signal.channels, source.outputs)

    @classmethod
    def of(
        cls,
        experiment: Experiment,
        callbacks: tuple[Callback, ...] = (),
        ranks: Ranks | None = None,
    ) -> Fitter:
        """The fitter of an experiment."""
        fields = {f.name: getattr(experiment, f.name) for f in attrs.fields(Experiment)}
        return cls(**fields, callbacks=callbacks, ranks=Ranks() if ranks is None else ranks)

    @property
    def module(self) -> StreamModule:
        """The torch module that is fitted."""
        return self._training().learner.module

    @property
    def inputs(self) -> int:
        """Channels of an input."""
        inputs: int = self._training().buffer.x.shape[2]
        return inputs

    @property
    def outputs(self) -> int:
        """Channels of an output."""
        outputs: int = self._training().buffer.y.shape[2]
        return outputs

    @property
    def experiment(self) -> Experiment:
        """The configuration alone."""
        return Experiment(**{f.name: getattr(self, f.name) for f in attrs.fields(Experiment)})

    @property
    def report(self) -> Report:
        """What the fit has cost and come to so far."""
        training, course = self._training(), self._course
        seconds, timed = course.spent
        return Report(
            samples=training.buffer.position * self.schedule.streams,
            replayed=training.replayed * self.schedule.streams,
            missing=training.missing,
            updates=training.updates,
            seconds=seconds,
            samples_timed=timed,
            us_per_sample=seconds / max(timed, 1) * 1e6,
            engine=training.learner.method,
            model=repr(self.model),
            schedule=repr(self.schedule),
            loss=training.curve.recent(),
        )

    @property
    def samples_left(self) -> int:
        """Samples of the experiment's number that `fit` was not asked for yet, or did not take."""
        return max(self.samples - self._course.asked, 0)

    @property
    def samples_given(self) -> int:
        """Samples of each stream that `partial_fit` and `fit_live` were given."""
        return self._course.given

    @property
    def learning_rate_now(self) -> float:
        """The learning rate of the next update."""
        return self._training().learner.learning_rate

    @property
    def loss_curve(self) -> tuple[list[int], list[float]]:
        """The course of the loss: samples taken over all streams, and mean losses up to there."""
        curve = self._training().curve
        return [position * self.schedule.streams for position in curve.samples], curve.losses[:]

    @property
    def was_stopped(self) -> bool:
        """Whether a callback has stopped the last fit."""
        return self._course.was_stopped

    def slow_down(self, factor: float) -> None:
        """Multiply the learning rate, from the next update on and in all of its schedule.

        Raises:
            ValueError: the factor is not positive.
        """
        require_positive("factor", factor)
        self._training().learner.slow_down(factor)

    def fit(self, samples: int | None = None) -> Fitter:
        """Fit on the next samples of the signal.

        Args:
            samples: how many, over all streams; those that don't make a whole time step of all
                streams are remembered and made up for in the next call. None takes the
                experiment's own number.

        Returns:
            The fitter itself.

        Raises:
            ValueError: there is no signal, it ends before, or what it or the target gives is not
                finite.
            DivergedError: a loss, gradient or weight was not finite; the last good weights are
                kept.
        """
        samples = self.samples if samples is None else samples
        require_positive_int("samples", samples)
        course, streams = self._course, self.schedule.streams
        source = course.source
        if source is None:
            raise ValueError(
                "this fitter has no signal and no target: feed it by partial_fit(x, y)"
            )
        end = (course.asked + samples) // streams
        limit = source.signal.length
        if limit is not None and end > limit:
            raise ValueError(
                f"the signal ends after {limit * streams} samples, {end * streams} were asked for"
            )
        course.asked += samples
        training = self._training()
        with self._fitting():
            self._advance(end + course.given)
            while course.generated < end:
                at_once = max(1, SAMPLES_AT_ONCE // -(-streams // self.ranks.count))
                length = min(end - course.generated, at_once)
                training.buffer.append(*source.take(length))
                course.generated += length
                self._advance(end + course.given)
        return self

    def partial_fit(self, x: Any, y: Any, reset: Any = None) -> Fitter:
        """Fit on given samples, which follow those that were given before.

        Args:
            x: inputs, (time, streams, inputs); (time, inputs) or (time,) where there is one
                stream.
            y: what should come out, (time, streams, outputs), likewise.
            reset: before which samples a stream starts anew, bool, (time, streams); (time,) where
                there is one stream; None where none does. Its state is then that of the start,
                and no gradient flows back to what came before; other streams run on.

        Each of several ranks is given the samples of all streams, and fits its own.

        Returns:
            The fitter itself.

        Raises:
            ValueError: the shapes don't fit, or a value is not finite.
            TypeError: values are not real numbers, or those of `reset` not bool.
            DivergedError: as in `fit`.
        """
        training, streams = self._course.training, self.schedule.streams
        sizes = (None, None) if training is None else (self.inputs, self.outputs)
        inputs = as_samples(x, "x", streams, sizes[0], self.dtype)
        outputs = as_samples(y, "y", streams, sizes[1], self.dtype, self.missing)
        if len(inputs) != len(outputs):
            raise ValueError(
                f"x and y must be equally long, got {len(inputs)} and {len(outputs)} samples"
            )
        mask = as_mask(reset, len(inputs), streams)
        if training is None:
            training = self._begin(inputs.shape[2], outputs.shape[2])
        own = slice(self._own.start, self._own.stop)
        resets = Resets.of(mask, own)
        with self._fitting():
            training.append(inputs[:, own], outputs[:, own], resets)
            self._course.given += len(inputs)
            self._advance(training.buffer.end)
        return self

    def fit_live(self, source: LiveSource, samples: int | None = None) -> Fitter:
        """Fit on samples as they come, until there are no more or a callback stops it.

        They are taken when they are wanted, a few thousand at a time, and follow those that were
        given before and, where a callback stopped the fit, still wait for their update; a fit that
        was loaded from a checkpoint goes on with what the source gives next, see `samples_given`.

        Args:
            source: gives the samples.
            samples: how many to take at most, over all streams; None takes all that come.

        Returns:
            The fitter itself.

        Raises:
            ValueError: a sample is wrong, as the source and `partial_fit` say.
            OSError: as the source says.
            DivergedError: as in `fit`.
        """
        if samples is not None:
            require_positive_int("samples", samples)
        streams = self.schedule.streams
        most, taken = max(1, LIVE_AT_ONCE // streams), 0
        if self._course.training is not None:
            with self._fitting():
                self._advance(self._course.training.buffer.end)
            if self._course.was_stopped:
                return self
        while samples is None or taken * streams < samples:
            left = most if samples is None else min(most, -(-samples // streams) - taken)
            chunk = source.read(left)
            if chunk is None:
                break
            if len(chunk[0]):
                self.partial_fit(*chunk)
                taken += len(chunk[0])
                if self._course.was_stopped:
                    break
            elif self._is_stopped_waiting():
                break
        return self

    @property
    def verdict(self) -> str:
        """How well the model explains what it was fitted to, where its solver can tell."""
        return self._training().learner.verdict

    def copy(self) -> Fitter:
        """A fitter of its own that goes on from here, bit for bit, and is told to nobody.

        Raises:
            ValueError: it is one of several ranks, which has some of the streams only.
        """
        if self.ranks.count > 1:
            raise ValueError(
                f"this is one of {self.ranks.count} ranks; save the fit, and load it in one process"
            )
        other = Fitter.of(self.experiment)
        if other._course.training is None:
            other._begin(self.inputs, self.outputs)
        restore(other._course, states.copy(self._course.state()), self.schedule, other.ranks)
        return other

    def diagnose(
        self,
        seconds: float | None = None,
        *,
        x: Any = None,
        y: Any = None,
        fit_seconds: float | None = None,
    ) -> Diagnosis:
        """Why the fit is as it is, and what to do; see `seqfit.diagnosis.diagnose`."""
        from seqfit.diagnosis import diagnose

        return diagnose(self, seconds=seconds, x=x, y=y, fit_seconds=fit_seconds)

    def save(self, path: str | Path) -> None:
        """Write all of the fit to one file: loaded again, it goes on as if it had not stopped.

        Of several ranks all call it, and the first one writes: a file as one process would.

        Raises:
            OSError: the file can't be written; an older one is then left as it was.
        """
        configuration, state = self._configuration(), self._state()
        self.ranks.on_first(lambda: write_checkpoint(Path(path), configuration, state))

    def snapshot(self) -> Snapshot:
        """What `save` would write now, to be written while the fit goes on.

        Of several ranks, all make one, and that of the first holds the state.
        """
        state = states.copy(self._state())
        return Snapshot(self.report.samples, self._configuration(), state)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        callbacks: tuple[Callback, ...] = (),
        ranks: Ranks | None = None,
        **parts: Any,
    ) -> Fitter:
        """The fitter that `save` wrote.

        Args:
            path: the file.
            callbacks: told of each update.
            ranks: the processes that fit together, as many as you like, whatever number of them
                has saved it; the first one reads it. None for this process alone.
            parts: fields of the experiment that could not be written, such as a model that wraps
                a module of your own.

        Raises:
            FileNotFoundError: there is no such file.
            CheckpointError: it is not a checkpoint, is damaged, or does not fit its parts.
        """
        ranks = Ranks() if ranks is None else ranks
        content, state = ranks.on_first(lambda: read_checkpoint(Path(path)))
        with refusing_what_does_not_fit(path):
            missing = {name: why for name, why in content["missing"].items() if name not in parts}
            if missing:
                name, why = next(iter(missing.items()))
                raise CheckpointError(
                    f"{path} was saved without its {name} ({why}); give it: "
                    f"Fitter.load(path, {name}=...)"
                )
            experiment = from_partial_data(content["experiment"], parts, source=str(path))
            fitter = cls.of(experiment, callbacks, ranks)
            course = fitter._course
            if course.training is None:
                fitter._begin(content["inputs"], content["outputs"])
            restore(course, state["course"], experiment.schedule, fitter.ranks)
            saved = dict(state["callbacks"])
            for callback in callbacks:
                if type(callback).__name__ in saved:
                    callback.restore(saved[type(callback).__name__])
        return fitter

    @functools.cached_property
    def _plain_experiment(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What of the experiment can be written, found once: it takes longer than the writing."""
        return to_partial_data(self.experiment)

    def _configuration(self) -> dict[str, Any]:
        data, missing = self._plain_experiment
        channels = {"inputs": self.inputs, "outputs": self.outputs}
        return {"experiment": data, "missing": missing, **channels}

    def _state(self) -> State:
        callbacks = [[type(c).__name__, c.state()] for c in self.callbacks]
        return {"course": self._course.gathered(self.ranks), "callbacks": callbacks}

    @property
    def _own(self) -> range:
        """The streams that this rank runs."""
        return self.ranks.share(self.schedule.streams)

    def _begin(self, inputs: int, outputs: int) -> Training:
        training = Training.begin(self, inputs, outputs, self.ranks)
        self._course.training = training
        return training

    def _training(self) -> Training:
        if self._course.training is None:
            raise ValueError("this fitter has no model yet: call partial_fit(x, y) first")
        return self._course.training

    @contextlib.contextmanager
    def _fitting(self) -> Iterator[None]:
        self.ranks.wishes = self.ranks.granted = [False] * len(self.callbacks)
        try:
            with self._course.running(self.threads), watched(self._while_solving):
                yield
        finally:
            for callback in self.callbacks:
                callback.after_fit(self)

    def _advance(self, until: int) -> None:
        training = self._training()
        if not training.learner.is_prepared:
            for callback in self.callbacks:
                callback.before_compiling(self)
        one_by_one = any(callback.every_update for callback in self.callbacks)
        training.advance(self, until, self._after_update, one_by_one)

    def _while_solving(self) -> None:
        for callback in self.callbacks:
            callback.while_solving(self)

    def _is_stopped_waiting(self) -> bool:
        try:
            for callback in self.callbacks:
                callback.while_waiting(self)
        except StopFitting:
            return True
        return False

    def _after_update(self) -> None:
        for callback in self.callbacks:
            callback.after_update(self)
        ranks = self.ranks
        if ranks.count == 1:
            ranks.granted = [callback.wants(self) for callback in self.callbacks]
        for callback, granted in zip(self.callbacks, ranks.granted, strict=True):
            if granted:
                callback.act(self)
        if ranks.count > 1:
            ranks.wishes = [callback.wants(self) for callback in self.callbacks]
