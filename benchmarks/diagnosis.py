"""Whether a diagnosis tells the truth: planted defects, healthy fits, and what follows from it.

Run it as ``python -m benchmarks diagnosis``, and with ``--systems known`` and ``--systems new`` on
other targets. Each planted fit is diagnosed; its first suggestion is followed on equally many
samples, and both fits are scored by `Fitter.evaluate`. Results are kept in docs/diagnosis.json, so
that a run that was stopped goes on; docs/diagnosis.md and docs/diagnosis_elsewhere.md are written
from them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from benchmarks.planted import CASES, HEALTHY, Case
from benchmarks.planted_elsewhere import OTHERS, SYSTEMS, cases
from seqfit import Fitter
from seqfit.diagnosis import THRESHOLDS, diagnose, follow
from seqfit.diagnosis.thresholds import ANY_BETTER, BETTER, GOOD_ENOUGH, MUCH_BETTER

DOCS = Path(__file__).parent.parent / "docs"
RESULTS, PAGE = DOCS / "diagnosis.json", DOCS / "diagnosis.md"
ELSEWHERE = DOCS / "diagnosis_elsewhere.md"
SETS: dict[str, tuple[Case, ...]] = {
    "first": CASES,
    "known": cases(SYSTEMS),
    "new": cases(OTHERS),
}
Results = list[tuple[Case, int, dict[str, Any]]]
REMARKS = (
    "What is not as clean as that:",
    "",
    "- A suggestion is chosen by fitting it with the same seed, so that it is better on other",
    "  streams nearly by construction; where none was better, none is made. The targets are simple",
    "  and a solver is exact for most of them, so that it is what is suggested first.",
    "- Where too few samples were fitted of a signal that has more, to fit four times as many is",
    "  among what is tried; all else is tried and followed on equally many.",
    "- Fits of the calibration were diagnosed before the last things were changed, for which the",
    "  other page has the reasons; those of the proof after it, but for one: that other ways to",
    "  fit are tried too where only the data can be advised.",
    "- A fit in one pass with an update in 8 samples or more nearly always gains by more of them.",
    "  That is found where it gains by 1.3 for certain, and no healthy fit here is of that kind.",
)
CALIBRATION, CONFIRMATION = range(100, 102), range(202, 204)
"""Seeds of the fits that thresholds were set on, and of those that were left for proof."""
KNOWN, NEW = range(300, 301), range(400, 402)
"""Seeds of fits of other systems: those that were looked at, and those that were not."""
SEEDS = {"first": CONFIRMATION, "known": KNOWN, "new": NEW}
SECONDS = 20.0


def main() -> None:
    """Diagnose what was not diagnosed yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, help="first seed [default: that of the proof]")
    parser.add_argument("--systems", choices=SETS, default="first", help="of which targets")
    parser.add_argument("--only", default="", help="part of the kind or title of cases to run")
    parser.add_argument("--again", action="store_true", help="run them though they are there")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    kept: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    seeds = SEEDS[arguments.systems]
    if arguments.first is not None:
        seeds = range(arguments.first, arguments.first + len(seeds))
    cases_of = SETS[arguments.systems]
    wanted = [
        (arguments.systems, number, seed)
        for seed in seeds
        for number, case in enumerate(cases_of)
        if arguments.only in key_of(case, seed)
        and (arguments.again or key_of(case, seed) not in kept)
    ]
    begin = time.perf_counter()
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        for (_, number, seed), found in zip(wanted, pool.map(examine, wanted), strict=True):
            kept[key_of(cases_of[number], seed)] = found
            RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
            print(line(cases_of[number], seed, found), flush=True)
    PAGE.write_text(page(kept))
    ELSEWHERE.write_text(page_elsewhere(kept))
    print(f"{len(wanted)} cases in {time.perf_counter() - begin:.0f} s")


def key_of(case: Case, seed: int) -> str:
    """What tells a result from the others."""
    return f"{case.kind}: {case.title}, {seed}"


def examine(which: tuple[str, int, int]) -> dict[str, Any]:
    """Fit a case, which is told by its set, number and seed; diagnose it, follow its advice."""
    torch.set_num_threads(1)
    systems, number, seed = which
    case = SETS[systems][number]
    experiment = case.experiment(seed)
    fitter = Fitter.of(experiment).fit(round(case.until * experiment.samples))
    before = fitter.evaluate()
    diagnosis = diagnose(fitter, seconds=SECONDS)
    suggestion = diagnosis.first_suggestion
    after, spent = None, fitter.report.samples
    if suggestion is not None and suggestion.changes:
        changed = Fitter.of(follow(experiment, suggestion.changes))
        after = changed.fit(suggestion.changes.get("samples", spent)).evaluate().mae
    return {
        "measured": {
            f.kind: [f.measured, f.interval.low if f.interval else f.measured, f.is_bad]
            for f in diagnosis.findings
        },
        "order": [finding.kind for finding in diagnosis.bad],
        "suggestion": None if suggestion is None else suggestion.words,
        "changes": None if suggestion is None else suggestion.changes,
        "nrmse": before.nrmse,
        "before": before.mae,
        "after": after,
        "seconds": diagnosis.seconds,
        "fit_seconds": diagnosis.fit_seconds,
        "not_told": list(diagnosis.not_told),
    }


def line(case: Case, seed: int, found: dict[str, Any]) -> str:
    """One result in words."""
    after = "-" if found["after"] is None else f"{found['after']:.3g}"
    return (
        f"{key_of(case, seed)}: nrmse {found['nrmse'] or 0:.3g}, "
        f"MAE {found['before']:.3g} -> {after}; "
        f"{', '.join(found['order']) or 'nothing'} ({found['seconds']:.0f} s)"
    )


def page(kept: dict[str, Any]) -> str:
    """The page of the fits that thresholds were set on, and of those that confirm them."""
    calibrated = _results(kept, CASES, CALIBRATION)
    confirmed = _results(kept, CASES, CONFIRMATION)
    return "\n".join(
        [
            "# Does the diagnosis tell the truth?",
            "",
            "`python -m benchmarks diagnosis` plants defects in small fits, diagnoses each,",
            "follows the first suggestion on equally many samples and scores both by free runs on",
            f"other streams. A diagnosis may take {SECONDS:.0f} s.",
            "",
            f"Thresholds were set by hand on the seeds {_list(CALIBRATION)} (`--first "
            f"{CALIBRATION.start}`), and then left alone. All that",
            "follows, but for what is said of the calibration, is of the seeds",
            f"{_list(CONFIRMATION)} (`--first {CONFIRMATION.start}`), that no threshold was set "
            "on.",
            _how_many(kept, CASES, CONFIRMATION),
            "",
            *REMARKS,
            "",
            f"Of the {len(confirmed)} fits of the confirmation:",
            "",
            *_summary(confirmed),
            f"Of the {len(calibrated)} fits of the calibration:",
            "",
            *_summary(calibrated),
            *_matrix(confirmed),
            *_measurements(calibrated, confirmed),
            *_followed(confirmed),
            "",
        ]
    )


def page_elsewhere(kept: dict[str, Any]) -> str:
    """The page of the same defects on other targets."""
    known = _results(kept, SETS["known"], KNOWN)
    new = _results(kept, SETS["new"], NEW)
    return "\n".join(
        [
            "# And on other targets?",
            "",
            "The defects of [Does the diagnosis tell the truth?](diagnosis.md) and others of their",
            "kind, planted in fits of other systems, recorded and generated, and healthy fits of",
            "these: `python -m benchmarks diagnosis --systems known` and `--systems new`.",
            "",
            "The known systems were looked at while measures were made better: their numbers show",
            "how far that led. The new ones were diagnosed once, after that: what was planted was",
            "found in 108 of 128 fits, the first suggestion improved 105, and 3 of 20 healthy fits",
            "were accused. Three things were changed for what had gone wrong there, and they were",
            "diagnosed anew: where nothing bad is found, other ways to fit are tried all the same;",
            "too few samples are told from 1.8 parameters for each on, not from 3; and a lag is",
            "told by squares where inputs about 0 are multiplied with each other. Two more were",
            "changed after that, with fits of none of these: what is no better than a constant is",
            "no gain, and of a recording too few samples are told by what does not generalise.",
            "",
            "Three plants were changed on the way, where the known systems showed that they were",
            "none: longer windows do not help a fit of `play`; an update in 10 samples at a high",
            "rate is too large a step in the first place, so that inputs now jump rarely instead;",
            "and a filter of second order that is told from its last output alone lacks capacity.",
            "",
            f"Of the {len(known)} fits of known systems, {_systems(SYSTEMS)}:",
            "",
            *_summary(known),
            f"Of the {len(new)} fits of new systems, {_systems(OTHERS)}:",
            "",
            *_summary(new),
            "All that follows is of the new systems.",
            _how_many(kept, SETS["new"], NEW),
            "",
            *_matrix(new),
            *_followed(new),
            "",
        ]
    )


def _systems(systems: tuple[Any, ...]) -> str:
    return "; ".join(name for name, _, _ in systems)


def _how_many(kept: dict[str, Any], wanted: tuple[Case, ...], seeds: range) -> str:
    made, all_of = len(_results(kept, wanted, seeds)), len(wanted) * len(seeds)
    missing = [key_of(c, s) for s in seeds for c in wanted if key_of(c, s) not in kept]
    left_out = f"; not {missing[0]}{' and others' * (len(missing) > 1)}" if missing else ""
    return f"{made} of {all_of} such fits were made{left_out}."


def _list(seeds: range) -> str:
    return " and ".join(map(str, seeds))


def _results(kept: dict[str, Any], of: tuple[Case, ...], seeds: range) -> Results:
    pairs = [(case, seed) for case in of for seed in seeds]
    return [(c, s, kept[key_of(c, s)]) for c, s in pairs if key_of(c, s) in kept]


def _summary(results: Results) -> list[str]:
    if not results:
        return ["None was made yet.", ""]
    planted = [(c, r) for c, _, r in results if c.kind != HEALTHY]
    hit = sum(case.kind in found["order"] for case, found in planted)
    followed = [r for _, r in planted if r["after"] is not None]
    better = sum(found["after"] < found["before"] for found in followed)
    much = sum(found["after"] < 0.8 * found["before"] for found in followed)
    any_found = sum(bool(found["order"]) for _, found in planted)
    solved = sum(_is_solved(found["changes"]) for found in followed)
    healthy = [found for case, _, found in results if case.kind == HEALTHY]
    alarms = sum(len(found["order"]) for found in healthy)
    seconds = [found["seconds"] for _, _, found in results]
    without = len(planted) - len(followed)
    return [
        f"- The planted defect is found in {hit} of {len(planted)} fits; something bad in "
        f"{any_found} of them.",
        f"- {len(healthy)} healthy fits get {alarms} finding{'s' * (alarms != 1)} that "
        f"{'are' if alarms != 1 else 'is'} bad.",
        f"- The first suggestion, followed by a machine, improves the MAE of {better} of all "
        f"{len(planted)} planted fits, by more than a fifth {much}. In {solved} it is a solver; "
        f"{without} have none that a machine can follow: what has to change is the data, or what "
        "was tried did not help.",
        f"- A diagnosis takes {statistics.median(seconds):.0f} s in the median, "
        f"{max(seconds):.0f} s at most; {_times(results)}.",
        "",
    ]


def _is_solved(changes: dict[str, Any]) -> bool:
    optimizer: dict[str, Any] = changes.get("optimizer") or {}
    return optimizer.get("name") == "LevenbergMarquardt" or "input_lags" in str(changes)


def _times(results: Results) -> str:
    times = [r["seconds"] / r["fit_seconds"] for _, _, r in results if r.get("fit_seconds")]
    if not times:
        return "what the fits took was not noted"
    return (
        f"these fits are short, so that it is {statistics.median(times):.0f} times the fit in the "
        "median"
    )


def _matrix(results: Results) -> list[str]:
    kinds = [kind for kind in THRESHOLDS if any(c.kind == kind for c in CASES)]
    columns = " | ".join(str(i + 1) for i in range(len(kinds)))
    lines = [
        "## What was planted, and what was found",
        "",
        "Rows are what was planted, columns what was found, in the order of the rows; a fit may",
        "have several findings, as one defect brings others about.",
        "",
        f"| planted | fits | {columns} |",
        "| --- | ---: |" + " ---: |" * len(kinds),
    ]
    for row, kind in enumerate([*kinds, HEALTHY]):
        own = [found for case, _, found in results if case.kind == kind]
        cells = [sum(other in found["order"] for found in own) for other in kinds]
        text = " | ".join(f"**{n}**" if i == row else str(n or "") for i, n in enumerate(cells))
        name = kind if kind == HEALTHY else f"{row + 1} {kind.replace('_', ' ')}"
        lines.append(f"| {name} | {len(own)} | {text} |")
    return [*lines, ""]


def _measurements(calibrated: Results, confirmed: Results) -> list[str]:
    lines = [
        "## Thresholds",
        "",
        "The measurement, or the lower end of its interval, in healthy fits and where the defect",
        "was planted: lowest to highest. Fits whose error is below 1% of the outputs' spread are",
        "left out: nothing but the data is bad there. A healthy fit may measure more than a",
        "threshold and be in order: steps, recency and what was hardly learned are not bad",
        "half-way through a planned rate; a model that fits short stretches is wide enough; and",
        "one stream alone does not make drift certain. What was tried from the start has a",
        f"threshold of its own: {BETTER:g} for smaller steps and longer windows, {MUCH_BETTER:g} "
        "for larger",
        f"steps where something was learned; and {ANY_BETTER:g} for a wider model where short",
        "stretches can't be fitted.",
        "",
        "| finding | healthy, calibration | healthy | planted, calibration | planted | threshold |",
        "| --- | --- | --- | --- | --- | ---: |",
    ]
    for kind, threshold in THRESHOLDS.items():
        cells = [
            _extent(results, planted, kind)
            for planted in (HEALTHY, kind)
            for results in (calibrated, confirmed)
        ]
        lines.append(f"| {kind.replace('_', ' ')} | {' | '.join(cells)} | {threshold:g} |")
    return [*lines, ""]


def _extent(results: Results, planted: str, kind: str) -> str:
    found = [
        r["measured"][kind][1]
        for c, _, r in results
        if c.kind == planted
        and kind in r["measured"]
        and (planted != HEALTHY or (r["nrmse"] or 0) > GOOD_ENOUGH)
    ]
    return f"{min(found):.3g} to {max(found):.3g}" if found else "-"


def _followed(results: Results) -> list[str]:
    lines = [
        "## Each fit",
        "",
        "| planted | seed | found, first one first | MAE | MAE when followed |",
        "| --- | ---: | --- | ---: | ---: |",
    ]
    for case, seed, found in results:
        after = "-" if found["after"] is None else f"{found['after']:.3g}"
        order = ", ".join(kind.replace("_", " ") for kind in found["order"]) or "nothing"
        title = f"{case.kind.replace('_', ' ')}: {case.title}"
        lines.append(f"| {title} | {seed} | {order} | {found['before']:.3g} | {after} |")
    return lines


if __name__ == "__main__":
    main()
