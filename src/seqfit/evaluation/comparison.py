"""Fits side by side: what each had reached when all had spent the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, final, get_args

import attrs
import torch

from seqfit.evaluation.scores import Scores

if TYPE_CHECKING:
    from seqfit.fitting.fitter import Fitter

Measure: TypeAlias = Literal["samples", "updates", "seconds"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
MOMENTS = 100


@final
@attrs.frozen(eq=False)
class Moment:
    """A fit at some time of its course.

    Attributes:
        samples: samples fitted, over all streams.
        updates: updates made.
        seconds: time spent in fitting.
        weights: copies of the module's tensors, by name.
    """

    samples: int
    updates: int
    seconds: float
    weights: dict[str, torch.Tensor]

    def scores(self, fitter: Fitter) -> Scores:
        """The free-run scores of these weights, which stay in the fitter's module."""
        fitter.module.load_state_dict(self.weights)
        return fitter.evaluate()


def follow(fitter: Fitter) -> list[Moment]:
    """Fit as many samples as the experiment says, and keep `MOMENTS` moments of the way."""
    moments, done = [], 0
    for moment in range(1, MOMENTS + 1):
        until = fitter.samples * moment // MOMENTS
        if until == done:
            continue
        fitter.fit(until - done)
        done, report = until, fitter.report
        weights = {name: w.clone() for name, w in fitter.module.state_dict().items()}
        moments.append(Moment(report.samples, report.updates, report.seconds, weights))
    return moments


def nearest(moments: list[Moment], measure: Measure, budget: float) -> Moment:
    """The moment at which what was spent is nearest to a budget."""
    return min(moments, key=lambda moment: abs(getattr(moment, measure) - budget))
