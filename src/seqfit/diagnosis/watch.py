"""What can be told while a fit runs: cheap diagnoses, each told once, in words."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, final

import numpy as np
import torch

from seqfit.computing import computing
from seqfit.diagnosis.optimisation import gradients
from seqfit.diagnosis.specimen import CannotTellError, Specimen
from seqfit.fitting.callbacks import Callback
from seqfit.fitting.losses import elementwise
from seqfit.fitting.optimizers import LevenbergMarquardt
from seqfit.fitting.source import SampleSource

if TYPE_CHECKING:
    from seqfit.fitting.fitter import Fitter

SHARE: Final = 0.01
"""Of the time of a fit that its probes take at most, those in which nothing is found."""

FIRST_PROBE: Final = 0.2
"""Seconds that the first probe is thought to take."""

PROBED: Final = ("exploding_gradient", "dead_units", "saturated_units")
"""What a probe tells. That gradients vanish is not among it: in a young fit they do."""

EARLIEST: Final = 0.3
"""Share of the fit before which nothing is told: young fits are bad."""

STRETCH: Final = 0.1
"""Share of the samples over which losses are means."""

FEWEST: Final = 50
"""Entries of the course of the loss that a stretch must hold."""

NO_BETTER: Final = 0.9
"""Loss over that of the best constant from which on it is told; see docs/diagnosis.md."""

RISES: Final = 3.0
"""Loss over the least one before from which on it is told, likewise."""

MOMENTS: Final = 50
"""How often the course of the loss is looked at."""

SAMPLES: Final = 10_000
"""By which the loss of the best constant is found; and how many make a fit of unknown length."""


@final
class Watch(Callback):
    """Tells once of each thing that is bad in the middle of a fit; a healthy fit is left in peace.

    Two things are told from the course of the loss: that it is no better than that of a constant,
    and that it rises. Others by a probe of its gradients and units, as a diagnosis does it; probes
    take about a hundredth of the time of the fit, so that fits of less than 20 seconds have none.
    The fit is not disturbed: its weights are the same bit for bit.

    Args:
        samples: how many will be fitted, over all streams; None where nobody knows.
        tell: is given the words.
    """

    every_update = False

    def __init__(self, samples: int | None, tell: Callable[[str], None]) -> None:
        self._samples, self._tell = samples, tell
        self._told: set[str] = set()
        self._next = 0.0
        self._constant: float | None = None
        self._began: float | None = None
        self._spent, self._longest = 0.0, FIRST_PROBE

    @property
    def seconds(self) -> float:
        """What its probes have taken."""
        return self._spent

    def after_update(self, fitter: Fitter) -> None:
        now = time.perf_counter()
        self._began = now if self._began is None else self._began
        if isinstance(fitter.optimizer, LevenbergMarquardt) or not fitter.ranks.is_first:
            return  # a solver has no course
        samples = fitter._training().buffer.position * fitter.schedule.streams
        whole = self._samples or max(SAMPLES, samples)
        if samples < EARLIEST * whole:
            return
        if samples >= self._next:
            self._next = samples + whole / MOMENTS
            self._say(fitter, self._of_the_loss(fitter, STRETCH * whole))
        allowed = SHARE * (now - self._began)
        if self._spent + self._longest <= allowed and self._can_be_probed(fitter):
            self._say(fitter, self._of_a_probe(fitter))
            took = time.perf_counter() - now
            self._spent, self._longest = self._spent + took, max(took, self._longest)

    def _can_be_probed(self, fitter: Fitter) -> bool:
        is_told = all(kind in self._told for kind in PROBED)
        return fitter.signal is not None and fitter.ranks.count == 1 and not is_told

    def _say(self, fitter: Fitter, found: Iterator[tuple[str, str]]) -> None:
        for kind, words in found:
            if kind not in self._told:
                self._told.add(kind)
                self._tell(f"after {fitter.report.samples:,} samples: {words}")

    def _of_the_loss(self, fitter: Fitter, stretch: float) -> Iterator[tuple[str, str]]:
        places, losses = map(np.array, fitter.loss_curve)
        if not len(places):
            return
        # Means over stretches that end at each place, where there is a whole one.
        first = np.searchsorted(places, places - stretch, side="right")
        sums = np.concatenate([[0.0], np.cumsum(losses)])
        counts = np.arange(1, len(losses) + 1) - first
        is_whole = (places >= stretch) & (counts >= FEWEST)
        if not is_whole[-1]:
            return
        means = np.where(is_whole, (sums[1:] - sums[first]) / counts, np.inf)
        newest, least = float(means[-1]), float(means.min())
        if least > 0 and newest > RISES * least:
            yield (
                "rises",
                f"the loss rises: it is {newest:.3g} and was {least:.3g} before; steps may be too "
                "large, or the data have changed",
            )
        constant = self._loss_of_a_constant(fitter)
        if newest > NO_BETTER * constant:
            yield "hardly_learned", _against_a_constant(newest, constant)

    def _loss_of_a_constant(self, fitter: Fitter) -> float:
        """The mean loss of the best constant output; infinite where there is no signal."""
        if self._constant is None:
            self._constant = math.inf if fitter.signal is None else _loss_of_a_constant(fitter)
        return self._constant

    def _of_a_probe(self, fitter: Fitter) -> Iterator[tuple[str, str]]:
        with computing(fitter.threads), torch.random.fork_rng(devices=[]):
            try:
                suspects = gradients(Specimen.glance(fitter))
            except (CannotTellError, ValueError):
                return
        for suspect in suspects:
            if suspect.finding.is_bad and suspect.finding.kind in PROBED:
                yield suspect.finding.kind, suspect.finding.words


def _against_a_constant(loss: float, constant: float) -> str:
    how = "hardly better" if loss < constant else "no better"
    factor = loss / constant if constant else math.inf
    much = f", but {factor:.3g} times as large" if 1.005 < factor < math.inf else ""
    return (
        f"the loss, {loss:.3g}, is {how} than that of a constant output, {constant:.3g}{much}: "
        "the model has learned next to nothing"
    )


def _loss_of_a_constant(fitter: Fitter) -> float:
    signal, target, streams = fitter.signal, fitter.target, fitter.schedule.streams
    assert signal is not None
    assert target is not None  # they belong together
    source = SampleSource.start(signal, target, streams, fitter.seed, fitter.dtype, fitter.missing)
    length = max(1, SAMPLES // streams)
    _, y = source.take(length if signal.length is None else min(length, signal.length))
    outputs = torch.from_numpy(y).double().flatten(0, 1)  # (samples, channels)
    loss = elementwise(fitter.loss, fitter.missing)
    found = []
    for constant in (outputs.nanmean(dim=0), outputs.nanmedian(dim=0).values):
        losses = loss(constant.expand_as(outputs)[:, None], outputs[:, None])
        found.append(float(losses[~outputs[:, None].isnan()].mean()))
    return min(found)
