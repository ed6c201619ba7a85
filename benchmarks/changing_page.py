"""The page of what a diagnosis finds in data alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from seqfit.diagnosis import THRESHOLDS

CALIBRATION, CONFIRMATION = (100, 101), (200, 201, 202)
"""Seeds that thresholds were set on, and those that were left for proof."""
REMARKS = (
    "What is hard, and how to read this:",
    "",
    "- Of seed 200 a first version was measured too, before more of the start of each stream was",
    "  left out and inputs were called different sooner; of 201 and 202 nothing was.",
    "- In streams of fewer than 400 samples the start of a target looks like a change, so that",
    "  nothing is told: all of 16 x 125. Of 2,000 samples of one stream some are not told, as its",
    "  inputs differ from part to part by chance, and others are not certain.",
    "- A sum that wanders far beyond its bounds (`clipped_sum`) may be accused in one stream: when",
    "  it comes back is told by all inputs since it left. So may be integrals that are not at",
    "  rest after the first eighth of each stream, and on slow periodic inputs.",
    "- Of targets that hardly follow from a regression on past inputs, as parities, a flipped sign",
    "  is not found. Half the gain of an input changes nothing where only its sign matters.",
    "  A drift by half a deviation takes 10,000 samples or more.",
    "- Of few samples a drift is sometimes told as a jump, and the other way round. The column",
    "  *either* counts both.",
    "- An input that stands still for half of a short stream is not found where its changes are so",
    "  rare that chance makes stretches as long.",
    "- Noise and what was not recorded are told apart by memory. White noise on a target with a",
    "  long one may be called unrecorded, and something new in each sample is called noise.",
    "- What is said of noise is of recordings. Of a target that is known its own noise is",
    "  measured, by giving it the same inputs again: of fits of the zoo's targets none is accused",
    "  but `noisy`, and of that the noise is found to 2%.",
)
UNTOLD = "16 x 125"
"""A size of which nothing is told."""
KINDS = {
    "changes": ("changing_relation", "output_trend", "either", "constant_input"),
    "noises": ("noisy_target", "unrecorded_input", "either"),
    "varied": ("changing_relation", "output_trend", "either"),
}
KEYS = ("changing_relation", "output_trend", "noisy_target", "unrecorded_input", "constant_input")


def page(kept: dict[str, Any]) -> str:
    """All of it, from counts by part and seed."""
    limits = ", ".join(f"{_words(kind)} {THRESHOLDS[kind]:g}" for kind in KEYS)
    lines = [
        "# What a diagnosis finds in data alone",
        "",
        "`python -m benchmarks changing` plants defects in the data of every target of the",
        "[zoo](zoo.md) and measures them without a fit. Each number is the share of data sets in",
        "which something is found: of the seeds that thresholds were set on, then, after the bar,",
        "of seeds that were left for proof. Sizes are streams x samples of each. What is not told",
        "counts as not found.",
        "",
        f"Seeds: {_seeds(kept, CALIBRATION)} | {_seeds(kept, CONFIRMATION)}. Thresholds: {limits}.",
        "",
        *REMARKS,
        "",
        "## Changing relations, drifts, still inputs",
        "",
        "Changes come half-way; jumps and drifts are in deviations of the outputs.",
        "",
        *_by_defect(kept, "changes"),
        "### By family, over the sizes of which something is told: a change or a drift is found",
        "",
        *_by_family(kept, "changes"),
        "## Inputs whose character changes, with the same relation, and flipped half-way",
        "",
        "Where inputs differ along the stream, another relation and one that a simple regression",
        "does not follow look alike: that is not told. So few flips are found there.",
        "",
        *_by_defect(kept, "varied", by_size=False),
        "## Noise, and what was not recorded",
        "",
        "Of samples alone. A diagnosis counts no more of it than the error of the fit, so that it",
        "accuses the healthy data below only where the fit is bad too: their state is told by",
        "neither the inputs nor the outputs of the last samples. Data sets with noise of their own",
        "are left out.",
        "",
        *_by_defect(kept, "noises"),
        "### By family, over all sizes: one of both is found",
        "",
        *_by_family(kept, "noises"),
    ]
    return "\n".join(lines)


def _seeds(kept: dict[str, Any], seeds: tuple[int, ...]) -> str:
    return ", ".join(str(seed) for seed in seeds if f"changes {seed}" in kept) or "none yet"


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _counted(
    kept: dict[str, Any], part: str, seeds: tuple[int, ...], name: Callable[[list[str]], Any]
) -> dict[Any, Counter[str]]:
    """Counts of the data sets that a name brings together."""
    counted: dict[Any, Counter[str]] = {}
    for seed in seeds:
        for where, counts in kept.get(f"{part} {seed}", {}).items():
            counted.setdefault(name(where.split("|")), Counter()).update(counts)
    return counted


def _share(counts: Counter[str] | None, kind: str) -> str:
    return "-" if not counts else f"{100 * counts[kind] / counts['sets']:.1f}"


def _by_defect(kept: dict[str, Any], part: str, by_size: bool = True) -> list[str]:
    def name(where: list[str]) -> tuple[str, ...]:
        return (where[0], where[2]) if by_size else (where[0],)

    first, second = (_counted(kept, part, seeds, name) for seeds in (CALIBRATION, CONFIRMATION))
    kinds = [*KINDS[part], "not_told"]
    titles = ["planted", *["size"] * by_size, "sets", *(f"{_words(kind)}, %" for kind in kinds)]
    lines = ["| " + " | ".join(titles) + " |"]
    lines.append("| --- |" + " --- |" * by_size + " ---: |" * (len(kinds) + 1))
    for key in sorted(first or second, key=_in_order(first or second)):
        one, other = first.get(key), second.get(key)
        sets = f"{one['sets'] if one else 0} \\| {other['sets'] if other else 0}"
        cells = [f"{_share(one, kind)} \\| {_share(other, kind)}" for kind in kinds]
        lines.append("| " + " | ".join([*key, sets, *cells]) + " |")
    return [*lines, ""]


def _in_order(keys: Iterable[tuple[str, ...]]) -> Callable[[tuple[str, ...]], Any]:
    """Defects as they come, and the sizes of each from the smallest one."""
    defects = list(dict.fromkeys(key[0] for key in keys))

    def place(key: tuple[str, ...]) -> tuple[int, ...]:
        sizes = key[1].replace(",", "").split(" x ") if len(key) > 1 else []
        return defects.index(key[0]), *map(int, sizes)

    return place


def _by_family(kept: dict[str, Any], part: str) -> list[str]:
    def name(where: list[str]) -> tuple[str, ...]:
        return (where[0], where[1]) if where[2] != UNTOLD else (UNTOLD,)

    first, second = (_counted(kept, part, seeds, name) for seeds in (CALIBRATION, CONFIRMATION))
    for counted in (first, second):
        counted.pop((UNTOLD,), None)
    families = list(dict.fromkeys(family for _, family in first or second))
    lines = ["| planted | " + " | ".join(f"{family}, %" for family in families) + " |"]
    lines.append("| --- |" + " ---: |" * len(families))
    for defect in dict.fromkeys(defect for defect, _ in first or second):
        cells = [
            " \\| ".join(_share(of.get((defect, family)), "either") for of in (first, second))
            for family in families
        ]
        lines.append(f"| {defect} | " + " | ".join(cells) + " |")
    return [*lines, ""]
