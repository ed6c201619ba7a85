"""What can be asked of a model that was fitted: free runs, scores, its formula."""

from __future__ import annotations

import abc
from typing import Any

import attrs
import numpy as np

from seqfit.computing import computing
from seqfit.evaluation.free_run import free_run
from seqfit.evaluation.scores import Scores, score
from seqfit.fitting.experiment import Experiment
from seqfit.fitting.predictor import Predictor
from seqfit.fitting.resets import as_mask
from seqfit.fitting.samples import Samples, as_array, as_samples
from seqfit.fitting.source import SampleSource
from seqfit.models.base import Solvable, StreamModule
from seqfit.recordings import with_nan
from seqfit.validators import is_int, require_positive_int


@attrs.frozen(eq=False)
class Fitted(Experiment, abc.ABC):
    """An experiment whose model has weights; nothing that is asked of them disturbs training."""

    @property
    @abc.abstractmethod
    def module(self) -> StreamModule:
        """The torch module that is fitted."""

    @property
    @abc.abstractmethod
    def inputs(self) -> int:
        """Channels of an input."""

    @property
    @abc.abstractmethod
    def outputs(self) -> int:
        """Channels of an output."""

    def predict(self, x: Any, reset: Any = None) -> Samples:
        """The outputs of a free run from the start; training is not disturbed.

        Args:
            x: inputs, (time, streams, inputs) for any number of streams; (time, inputs) or
                (time,) for one.
            reset: before which samples a stream starts anew, as in `partial_fit`.

        Returns:
            An array of shape (time, streams, outputs); (time, outputs) or, for one output,
            (time,) where `x` had fewer axes.

        Raises:
            ValueError: the shape doesn't fit, or a value is not finite.
            TypeError: values are not real numbers, or those of `reset` not bool.
        """
        array = as_array(x, "x")
        streams = array.shape[1] if array.ndim == 3 else 1
        inputs = as_samples(array, "x", streams, self.inputs, self.dtype)
        mask = as_mask(reset, len(inputs), streams)
        with computing(self.threads):
            y = free_run(self.module, inputs, mask)
        if array.ndim == 3:
            return y
        return y[:, 0, 0] if array.ndim == 1 and y.shape[2] == 1 else y[:, 0]

    def evaluate(
        self,
        samples: int | None = None,
        *,
        streams: int | None = None,
        seed: int | None = None,
        washout: int = 0,
    ) -> Scores:
        """Score free runs on streams that were not fitted; training is not disturbed.

        Args:
            samples: how many, over all streams, rounded up to whole time steps; None takes 20,000
                of each stream, or all that the signal has.
            streams: number of streams; None takes 8, or as many as the signal has.
            seed: of the streams; None derives one from the fitter's seed, so that they differ
                from the training streams.
            washout: leading samples of each stream that are left out of the score.

        Raises:
            ValueError: there is no signal, or it has fewer samples.
        """
        x, y = self.held_out_samples(samples, streams=streams, seed=seed)
        if not is_int(washout) or not 0 <= washout < len(x):
            raise ValueError(f"washout must be from 0 to {len(x) - 1}, got {washout!r}")
        return score(self.predict(x)[washout:], y[washout:])

    def held_out_samples(
        self, samples: int | None = None, *, streams: int | None = None, seed: int | None = None
    ) -> tuple[Samples, Samples]:
        """Inputs and outputs of streams that were not fitted; arguments as in `evaluate`.

        Returns:
            x, y: arrays of shape (time, streams, channels).
        """
        source = self.held_out_source(streams=streams, seed=seed)
        return source.take(source.length_of(samples))

    def held_out_source(
        self, *, streams: int | None = None, seed: int | None = None
    ) -> SampleSource:
        """Streams that were not fitted, from their first sample; arguments as in `evaluate`."""
        return SampleSource.held_out(self, streams, seed)

    def score(self, x: Any, y: Any, reset: Any = None) -> Scores:
        """Score a free run over given samples; shapes as in `predict`."""
        prediction, truth = self.predict(x, reset), np.asarray(with_nan(y), dtype=np.float64)
        if np.isinf(truth).any():
            raise ValueError("y must be finite")
        if self.missing == "error" and np.isnan(truth).any():
            raise ValueError("y must be finite; missing='mask' leaves out what is missing")
        if truth.ndim == prediction.ndim - 1 and prediction.shape[-1] == 1:
            truth = truth[..., None]
        if prediction.shape != truth.shape:
            raise ValueError(
                f"y must have the shape of the prediction, {prediction.shape}, got {truth.shape}"
            )
        shape = (len(truth), 1, -1) if truth.ndim < 3 else truth.shape
        return score(prediction.reshape(shape), truth.reshape(shape))

    def describe(self) -> str:
        """The formula that the model computes.

        Raises:
            ValueError: the model has none that one could read.
        """
        if not isinstance(self.module, Solvable):
            raise ValueError(f"{type(self.model).__name__} has no formula that one could read")
        return self.module.law()

    def predictor(self, streams: int = 1) -> Predictor:
        """A copy of the model that runs sample by sample, from the start."""
        require_positive_int("streams", streams)
        return Predictor.of(self.module, self.inputs, self.outputs, streams)
