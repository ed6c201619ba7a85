"""The same samples from several starts: right, wrong, and with true outputs at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import attrs
import numpy as np

from seqfit.evaluation.free_run import Run, is_teacher_forced
from seqfit.evaluation.scores import Scores, finite_or_none, score

if TYPE_CHECKING:
    from seqfit.fitting.source import SampleSource
    from seqfit.models.base import StreamModule

ELSEWHERE = 1000
"""Samples after which other streams are left for the states that a model is in by then."""


@final
@attrs.frozen
class Starts:
    """Scores on the same samples, after a washout that is not scored.

    A wrong state is the one in which the model is after 1,000 samples of another stream, while
    the target starts afresh. Where the model is fed with its own outputs, it can be warmed up:
    given the true outputs during the washout, and run on its own ones from there.

    Attributes:
        length: samples of each stream, with the washout.
        washout: how many of them come first and are not scored.
        right: free runs from the start of the model.
        wrong: free runs from wrong states.
        warmed_up: the same, with true outputs during the washout; None where the model can't be
            given any, or some are missing.
        one_step_ahead: from the start, with the true outputs throughout; None likewise.
    """

    length: int
    washout: int
    right: Scores
    wrong: Scores
    warmed_up: Scores | None
    one_step_ahead: Scores | None

    @property
    def exposure(self) -> float | None:
        """RMSE of the free run over that of the prediction one step ahead.

        How much an error grows where a model is exposed to its own outputs; None where there is
        no prediction one step ahead, or one without error.
        """
        if self.one_step_ahead is None or not self.one_step_ahead.rmse > 0:
            return None
        return self.right.rmse / self.one_step_ahead.rmse

    def as_dict(self) -> dict[str, Any]:
        """All of it as data for JSON; what is not finite is None."""
        ways = ("right", "wrong", "warmed_up", "one_step_ahead")
        scores = {way: getattr(self, way) for way in ways}
        return {
            "length": self.length,
            "washout": self.washout,
            **{way: None if value is None else value.as_dict() for way, value in scores.items()},
            "exposure": finite_or_none(self.exposure),
        }


def compare_starts(
    module: StreamModule, source: SampleSource, other: SampleSource, length: int, washout: int
) -> Starts:
    """Run a model through the same samples from several starts.

    Args:
        module: the model.
        source: gives the samples, from the start of its streams.
        other: other streams, as many, from their start; those of a recording may be the same.
        length: samples of each stream.
        washout: how many of them come first and are not scored, below `length`.
    """
    start = module.start(source.streams)
    elsewhere = Run(module, start)
    limit = other.signal.length
    elsewhere.free(other.take(ELSEWHERE if limit is None else min(ELSEWHERE, limit))[0])
    x, y = source.take(length)
    scored = x[washout:], y[washout:]

    def free(state: Any, true_outputs_first: bool = False) -> Scores:
        run = Run(module, state)
        if true_outputs_first and washout:
            run.one_step_ahead(x[:washout], y[:washout])
        elif washout:
            run.free(x[:washout])
        return score(run.free(scored[0]), scored[1])

    forced = is_teacher_forced(module, x, y) and not np.isnan(y).any()
    return Starts(
        length,
        washout,
        right=free(start),
        wrong=free(elsewhere.state),
        warmed_up=free(elsewhere.state, true_outputs_first=True) if forced else None,
        one_step_ahead=(
            score(Run(module, start).one_step_ahead(x, y)[washout:], scored[1]) if forced else None
        ),
    )
