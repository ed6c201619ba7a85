"""The diagnosis of a fit: all that is looked at, in order, within a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from seqfit.computing import computing
from seqfit.diagnosis.capacity import number_of_samples
from seqfit.diagnosis.changing import changing
from seqfit.diagnosis.data import lag, samples
from seqfit.diagnosis.exposure import exposure
from seqfit.diagnosis.findings import Diagnosis, Finding
from seqfit.diagnosis.judging import Suspect
from seqfit.diagnosis.learned import hardly_learned
from seqfit.diagnosis.memory import drift, memory, truncation
from seqfit.diagnosis.noise import noise
from seqfit.diagnosis.optimisation import gradients, step_size
from seqfit.diagnosis.recency import recency
from seqfit.diagnosis.remedies import other_ways
from seqfit.diagnosis.specimen import CannotTellError, Specimen
from seqfit.diagnosis.thresholds import GOOD_ENOUGH
from seqfit.diagnosis.trials import Trials
from seqfit.diagnosis.tried import far_gradients, few_updates, narrowness, other_rates
from seqfit.evaluation.missing import missing_in_words
from seqfit.fitting import Fitter, LevenbergMarquardt
from seqfit.fitting.samples import as_samples
from seqfit.validators import require_positive

LEAST_SECONDS = 60.0
GLANCE = 2_000
"""Samples over all streams by which the time of a fit that does not tell is measured."""
MEASURES: tuple[Callable[[Specimen], list[Suspect]], ...] = (
    hardly_learned, samples, changing, lag, noise, memory, drift, truncation, recency, step_size,
    gradients, number_of_samples, exposure,
)  # fmt: skip
TRIED: tuple[tuple[Callable[[Specimen, Trials], list[Suspect]], str | None], ...] = (
    (few_updates, None),
    (narrowness, None),
    (other_rates, None),
    (far_gradients, "truncation_too_short"),
)
"""What is tried, and the kind of finding that makes it needless."""


def diagnose(
    fitter: Fitter,
    *,
    seconds: float | None = None,
    x: Any = None,
    y: Any = None,
    fit_seconds: float | None = None,
) -> Diagnosis:
    """Say why a fit is as it is, and what to do; training is not disturbed, bit for bit.

    What is bad beyond a calibrated threshold comes with a suggestion. Suggestions are tried:
    fitted anew, with the change, on as many samples as the fit where there is time, and judged
    by free runs on streams that neither were fitted nor are those of `Fitter.evaluate`.

    Args:
        fitter: the fit, in the middle or at its end.
        seconds: how long it may take; None takes as long as the fit took, a minute at least. A
            measurement that was begun is ended.
        x: for a fitter without a signal, the inputs that it was fed with, and then half as many
            that it was not: (time, streams, inputs) or fewer axes, as for `Fitter.partial_fit`.
        y: what should come out, likewise.
        fit_seconds: what the fit took; None takes what the fitter tells. One that was loaded from
            a file tells of its time since; where that is none, a copy of it goes on for a while.

    Raises:
        ValueError: nothing was fitted yet; or there is no signal and no samples are given.
    """
    begin = time.perf_counter()
    report = fitter.report
    if not report.samples:
        raise ValueError("nothing was fitted yet, there is nothing to diagnose")
    for name, number in (("seconds", seconds), ("fit_seconds", fit_seconds)):
        if number is not None:
            require_positive(name, number)
    if fit_seconds is None:
        fit_seconds = report.us_per_sample * report.samples / 1e6 or _seconds_of(fitter)
    allowed = max(fit_seconds, LEAST_SECONDS) if seconds is None else seconds
    given = None
    if (x is None) != (y is None):
        raise ValueError("x and y belong together, but one of them is missing")
    if x is not None:
        streams = fitter.schedule.streams
        given = (
            as_samples(x, "x", streams, fitter.inputs, fitter.dtype),
            as_samples(y, "y", streams, fitter.outputs, fitter.dtype, fitter.missing),
        )
        if len(given[0]) != len(given[1]):
            raise ValueError(
                f"x and y must be equally long, got {len(given[0])} and {len(given[1])} samples"
            )
    with computing(fitter.threads), torch.random.fork_rng(devices=[]):
        specimen = Specimen.of(fitter, begin + allowed, given)
        suspects: list[Suspect] = []
        not_told: list[str] = []
        for measure in MEASURES:
            if specimen.seconds_left < 0:
                name = measure.__name__.replace("_", " ")
                not_told.append(f"{name}: the {allowed:.3g} seconds were over")
                continue
            try:
                suspects += measure(specimen)
            except CannotTellError as error:
                not_told.append(str(error))
        if not specimen.learns_by_gradients:
            not_told.append("recency, truncation, steps and units: a solver takes no steps")
        if specimen.nrmse <= GOOD_ENOUGH:
            findings = [suspect.untried() for suspect in suspects]
        else:
            findings = _tried(specimen, suspects, not_told, fit_seconds)
    spent = time.perf_counter() - begin
    not_told = list(dict.fromkeys(not_told))
    return Diagnosis.of(findings, not_told, spent, fit_seconds, missing_in_words(fitter))


def _tried(
    specimen: Specimen, suspects: list[Suspect], not_told: list[str], fit_seconds: float
) -> list[Finding]:
    """The findings, with what trials tell; suggestions that were tried where there was time."""
    try:
        trials = Trials.of(specimen, fit_seconds)
    except CannotTellError as error:
        not_told.append(str(error))
        return [suspect.untried() for suspect in suspects]
    for measure, kind in TRIED:
        if any(suspect.finding.is_bad and suspect.finding.kind == kind for suspect in suspects):
            continue  # that is known already
        try:
            suspects = _worse_of_each(suspects + measure(specimen, trials))
        except CannotTellError as error:
            not_told.append(str(error))
        trials.conclude(suspects)  # before the next, which may take all that is left
    findings = trials.conclude(suspects)
    if not any(found.suggestion is not None and found.suggestion.changes for found in findings):
        better = trials.better(other_ways(specimen))
        findings += [] if better is None else [better]
    return findings


def _worse_of_each(suspects: list[Suspect]) -> list[Suspect]:
    """One of each kind: the first that is bad, where one is."""
    found: dict[str, Suspect] = {}
    for suspect in suspects:
        kept = found.get(suspect.finding.kind)
        if kept is None or (suspect.finding.is_bad and not kept.finding.is_bad):
            found[suspect.finding.kind] = suspect
    return list(found.values())


def _seconds_of(fitter: Fitter) -> float:
    """What a fit took, as far as a copy that goes on tells; 0 where it can't."""
    source, streams = fitter._course.source, fitter.schedule.streams
    length = -(-GLANCE // streams) * streams
    if source is None or source.signal.length is not None:
        return 0.0
    if isinstance(fitter.optimizer, LevenbergMarquardt):
        return 0.0  # it is past its solution
    going = fitter.copy()
    going.fit(length)  # which may compile
    before = going.report
    going.fit(length)
    after = going.report
    us = (after.seconds - before.seconds) / max(after.samples_timed - before.samples_timed, 1)
    return us * fitter.report.samples
