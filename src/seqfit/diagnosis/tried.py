"""What is told by fitting anew with a change: more updates, other steps, or a wider model."""

from __future__ import annotations

import numpy as np

from seqfit.diagnosis.capacity import STRETCHES, left_of_short_stretch
from seqfit.diagnosis.judging import Suspect, judge
from seqfit.diagnosis.memory import target_memory
from seqfit.diagnosis.remedies import (
    falling_rate,
    higher_orders,
    more_updates,
    rate_times,
    same_updates,
    steady,
    those,
    wider,
)
from seqfit.diagnosis.specimen import CannotTellError, Specimen, ratio_interval
from seqfit.diagnosis.thresholds import ANY_BETTER, BETTER, MUCH_BETTER, THRESHOLDS
from seqfit.diagnosis.trials import Trials

FITS = 0.02
"""Error on short stretches, over the outputs' spread, below which a model is wide enough."""

MUCH = 0.12
"""Likewise, above which it is too narrow for certain where a wider one does any better."""

REMEMBERED = 100
"""Samples that gradients flow back at most, where that is tried."""

FEW = 8
"""Samples of an update from which on more updates are tried, and how many times as many."""

SMALLER, LARGER = (1 / 8, 1 / 64), (8.0, 512.0)
"""Multiples of the learning rate that are tried; the second ones where hardly anything was learned.
"""


def few_updates(specimen: Specimen, trials: Trials) -> list[Suspect]:
    """Whether more updates on the same samples would do better: that is tried.

    Raises:
        CannotTellError: the schedule can't be changed so, or there is no time to try it.
    """
    if not specimen.learns_by_gradients or specimen.update.length < FEW:
        return []
    more = more_updates(specimen, FEW)
    errors = None if more is None else trials.errors_with(more)
    if more is None or errors is None:
        raise CannotTellError("number of updates: more of them could not be tried")
    gain, interval = ratio_interval(trials.own, errors)
    length = specimen.update.length
    return [
        judge(
            specimen,
            "too_few_updates",
            gain,
            "error of the fit over that with more updates",
            f"An update comes every {length} samples: on the same {trials.samples:,} samples the "
            f"error is {gain:.3g} times smaller where updates come more often. ({more.words})",
            interval=interval,
            remedies=(more, steady(specimen, min(100, max(8, length)), 2e-3)),
            is_possible=trials.has_learned(errors),
        )
    ]


def far_gradients(specimen: Specimen, trials: Trials) -> list[Suspect]:
    """Whether gradients that flow back as far as the target remembers do better: that is tried.

    Raises:
        CannotTellError: nobody knows how far the target remembers, or there is no time to try it.
    """
    if not specimen.learns_by_gradients:
        return []
    own = min(specimen.update.window, specimen.update.span)
    remembered = target_memory(specimen)
    if remembered is not None and remembered <= own:
        return []
    window = int(np.clip(REMEMBERED if remembered is None else remembered, 20, REMEMBERED))
    window = min(max(window, 4 * own), max(own, len(specimen.past_x) // 10))
    further = same_updates(specimen, window)
    errors = trials.errors_with(further) if window > own else None
    if errors is None:
        raise CannotTellError("truncation: longer windows could not be tried")
    gain, interval = ratio_interval(trials.own, errors)
    reach = "longer than is looked at" if remembered is None else f"{remembered} samples"
    return [
        judge(
            specimen,
            "truncation_too_short",
            gain,
            "error of the fit over that where gradients flow back further",
            f"Gradients flow back {own} sample{'s' * (own > 1)}, the target remembers {reach}. "
            f"Where they flow back {window}, the error on the same {trials.samples:,} samples is "
            f"{_smaller(gain)}.",
            interval=interval,
            remedies=(further, steady(specimen, window, 2e-3)),
            is_possible=trials.has_learned(errors),
            threshold=BETTER,
        )
    ]


def narrowness(specimen: Specimen, trials: Trials) -> list[Suspect]:
    """Whether a wider model, or one of a higher order, does better on the same samples: tried.

    Raises:
        CannotTellError: no such model is known, or there is no time to try it.
    """
    if not specimen.learns_by_gradients:
        return [_order(specimen, trials)]
    left = left_of_short_stretch(specimen)
    words = (
        f"Fitted to {STRETCHES} short stretches alone, the model leaves an error of {left:.2g} of "
        "the outputs' spread"
    )
    more = wider(specimen)
    errors = None if more is None else trials.errors_with(more)
    if more is None or errors is None:
        raise CannotTellError(f"capacity: a wider model could not be tried. {words}")
    gain, interval = ratio_interval(trials.own, errors)
    return [
        judge(
            specimen,
            "capacity_too_small",
            gain,
            "error of the fit over that of a model four times as wide",
            f"{words}. Four times as wide, at least 16, it has on the same {trials.samples:,} "
            f"samples an error {_smaller(gain)}.",
            interval=interval,
            remedies=(more,),
            is_possible=left > FITS and trials.has_learned(errors),
            threshold=ANY_BETTER if left > MUCH else None,
        )
    ]


def _order(specimen: Specimen, trials: Trials) -> Suspect:
    higher = higher_orders(specimen)
    tried = [errors for one in higher if (errors := trials.errors_with(one)) is not None]
    if not tried:
        raise CannotTellError("capacity: a model that keeps more of the past could not be tried")
    errors = min(tried, key=lambda errors: float(errors.mean()))
    gain, interval = ratio_interval(trials.own, errors)
    return judge(
        specimen,
        "capacity_too_small",
        gain,
        "error of the fit over that of a model that keeps more of the past",
        f"A model that keeps more numbers of the past, solved for on the same {trials.samples:,} "
        f"samples, has an error that is {_smaller(gain)}.",
        interval=interval,
        remedies=higher,
        is_possible=trials.has_learned(errors),
    )


def other_rates(specimen: Specimen, trials: Trials) -> list[Suspect]:
    """Whether smaller or larger steps from the start would do better: that is tried.

    A fit that steps of the wrong size have led astray does not tell as it goes on from there.

    Raises:
        CannotTellError: the rate can't be changed, or there is no time to try it.
    """
    if not specimen.learns_by_gradients:
        return []
    suspects = []
    is_lost = specimen.nrmse > THRESHOLDS["hardly_learned"]
    for kind, factors in (("step_too_large", SMALLER), ("step_too_small", LARGER)):
        remedies = [rate_times(specimen, factor) for factor in factors[: 1 + is_lost]]
        if is_lost and kind == "step_too_large":
            remedies += [falling_rate(specimen, factor) for factor in factors]
        tried = [
            (float(errors.mean()), errors, remedy)
            for remedy in those(*remedies)
            if (errors := trials.errors_with(remedy)) is not None
        ]
        if not tried:
            continue
        _, errors, remedy = min(tried, key=lambda one: one[0])
        gain, interval = ratio_interval(trials.own, errors)
        suspects.append(
            judge(
                specimen,
                kind,
                gain,
                "error of the fit over that at another learning rate from the start",
                f"Fitted anew on the same {trials.samples:,} samples by another learning rate, the "
                f"error is {_smaller(gain)}. ({remedy.words})",
                interval=interval,
                remedies=those(remedy, falling_rate(specimen, factors[0])),
                is_possible=trials.has_learned(errors),
                threshold=MUCH_BETTER if kind == "step_too_small" and not is_lost else BETTER,
            )
        )
    if not suspects:
        raise CannotTellError("step size from the start: no other rate could be tried")
    return suspects


def _smaller(gain: float) -> str:
    return f"{gain:.3g} times smaller" if gain >= 1 else f"{1 / gain:.3g} times as large"
