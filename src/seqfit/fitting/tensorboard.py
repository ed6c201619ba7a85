"""A fit as it goes, for TensorBoard."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import torch

from seqfit.computing import computing
from seqfit.evaluation.memory import memory_horizon
from seqfit.evaluation.scores import score
from seqfit.fitting.callbacks import Callback
from seqfit.states import State
from seqfit.validators import require_positive_int

if TYPE_CHECKING:
    from seqfit.fitting.fitter import Fitter

MOMENTS = 50
"""How often it is logged in a fit, where it is not said."""


class TensorBoardUnavailableError(ImportError):
    """TensorBoard is not installed."""


@final
class TensorBoard(Callback):
    """Logs losses, scores on held-out streams, gradient norms and the learning rate.

    The step of everything is the number of samples fitted, over all streams. Each moment costs a
    free run of the held-out samples and, for the memory horizon, another. A fit that goes on from
    a checkpoint logs what comes after it anew, with the same numbers.

    ================  ============================================================================
    loss              mean losses over stretches of updates, each before it was made
    held_out/mae ...  scores of a free run on streams that are not fitted; where there are any
    held_out/memory   see `seqfit.evaluation.memory.memory_horizon`, of several streams
    gradient/norm     of the last update's gradient, clipped where it is; by eager and windowed
    gradient/NAME     likewise, of one parameter
    learning_rate     of the next update; where there is one
    ================  ============================================================================

    Args:
        folder: where the event files go; it is made if it is not there.
        every: samples from moment to moment, over all streams; None takes a fiftieth of the
            experiment's. Updates are made many at a time, so it may be more.
        held_out: samples that are scored, over all streams; fewer where the signal has fewer.

    Raises:
        TensorBoardUnavailableError: the extra ``tensorboard`` is not installed.
        ValueError: a number is not positive.
    """

    every_update = False

    def __init__(
        self, folder: str | Path, *, every: int | None = None, held_out: int = 16_000
    ) -> None:
        if every is not None:
            require_positive_int("every", every)
        require_positive_int("held_out", held_out)
        self._make_writer = writer_class()
        self._writer: Any = None  # made with the first number, so that no empty file is left
        self._folder, self._every, self._held_out = Path(folder), every, held_out
        self._logged = 0  # samples
        self._losses_until = 0

    def after_update(self, fitter: Fitter) -> None:
        every = self._every or max(1, fitter.samples // MOMENTS)
        samples = fitter.report.samples
        if samples - self._logged >= every:
            if fitter.ranks.is_first:
                self._log(fitter)
            self._logged = samples

    def after_fit(self, fitter: Fitter) -> None:
        if self._writer is not None:
            self._writer.flush()

    def state(self) -> State:
        return {"logged": self._logged, "losses_until": self._losses_until}

    def restore(self, state: State) -> None:
        self._logged, self._losses_until = state["logged"], state["losses_until"]

    def close(self) -> None:
        """Close the event file; a later moment begins another one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _log(self, fitter: Fitter) -> None:
        for samples, loss in zip(*fitter.loss_curve, strict=True):
            if samples > self._losses_until:
                self._write("loss", loss, samples)
                self._losses_until = samples
        numbers = {"learning_rate": fitter.learning_rate_now}
        numbers |= _gradients(fitter) | self._scores(fitter)
        for name, number in numbers.items():
            self._write(name, number, fitter.report.samples)

    def _scores(self, fitter: Fitter) -> dict[str, float]:
        if fitter.signal is None:
            return {}
        source = fitter.held_out_source()
        length, limit = max(1, self._held_out // source.streams), source.signal.length
        x, y = source.take(length if limit is None else min(length, limit))
        scores = score(fitter.predict(x), y)
        found = {"mae": scores.mae, "rmse": scores.rmse, "p99": scores.p99, "max": scores.max}
        if scores.nrmse is not None:
            found["nrmse"] = scores.nrmse
        with computing(fitter.threads):
            memory = memory_horizon(fitter.module, x)
        if memory is not None:
            found["memory"] = memory
        return {f"held_out/{name}": number for name, number in found.items()}

    def _write(self, name: str, number: float, step: int) -> None:
        if math.isnan(number):
            return
        if self._writer is None:
            self._writer = self._make_writer(str(self._folder))
        self._writer.add_scalar(name, number, step)


def writer_class() -> type[Any]:
    """TensorBoard's own writer of event files.

    Raises:
        TensorBoardUnavailableError: the extra ``tensorboard`` is not installed.
    """
    try:
        from tensorboard.summary import Writer
    except ImportError as missing:
        raise TensorBoardUnavailableError(
            "logging for TensorBoard needs it: pip install 'seqfit[tensorboard]'"
        ) from missing
    found: type[Any] = Writer
    return found


def _gradients(fitter: Fitter) -> dict[str, float]:
    """Norms of the last update's gradient; none where whole updates are compiled."""
    if fitter.report.engine == "compiled":
        return {}
    norms = {
        f"gradient/{name}": parameter.grad.norm()
        for name, parameter in fitter.module.named_parameters()
        if parameter.grad is not None
    }
    if not norms:
        return {}
    total = torch.linalg.vector_norm(torch.stack(list(norms.values())))
    return {name: float(norm) for name, norm in norms.items()} | {"gradient/norm": float(total)}
