"""docs/zoo.md: tables of what learned what, and what no model learned."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from benchmarks.zoo_cases import FAMILIES, Case, Family, cases
from seqfit import Target
from seqfit.search import EXPLAINED
from seqfit.targets import RecordedOutput

Kept: TypeAlias = dict[str, dict[str, Any]]

SOLVER = "solver"
DOCS = Path(__file__).parent.parent / "docs"
NEAR, PARTLY = 0.1, 0.5
HEAD = """# What learns what

Each registered target, on a signal that brings out what it does, against a solver and four
networks: the normalised root mean square error (NRMSE) of free runs on streams that were not
fitted, 8 of 5,000 samples (or the test stretch of what was recorded), less the first tenth of
each. 0 is perfect, and 1 what a constant would reach. Given is the median over {seeds}, in
brackets the least and the most; the best median of a row is bold. A seed decides weights, searches
and streams.

- *solver*: the better of the recipes `exact` and `exact_hidden`, as free runs on further streams
  judge them, solved from 5,000 samples. An h stands where it was `exact_hidden` for most seeds.
- *GRU*, *LSTM*, *RNN*, *diagonal*: networks of 50 recurrent units and a head of 50, and a
  diagonal linear state space of 32 complex numbers with such a head (`DiagonalStateSpace`), all
  scaled to the data and fitted alike: one pass over 250,000 samples in 8 streams, Adam with a
  one-cycle rate of at most 5e-3, windows of 100 samples every 25, mean squared error.

None is tuned to a target. Past inputs beside the present one (`OutputFeedback(input_lags=...)`),
more samples or a longer search may do what is not done here; see [accuracy.md](accuracy.md).
The processor's time for a fit, median and most, in seconds:
{seconds}.

*Memory* is how far back the inputs lie that bear on an output. Where the output *tells* the state,
the next one is a function of it and the next input: what `exact` needs.

The pictures show 200 samples of a stream that was not fitted, or 100 where the input is fast: above
the input, several channels one above the other; below the target and the best fit of the first
seed.

`python -m benchmarks zoo` measures this anew, or what of it is not in `zoo.json` yet.
"""


def write_page(kept: Kept, contestants: Sequence[str]) -> None:
    """Write the page from all that is kept."""
    parts = [_head(kept, contestants), _remarks(kept, contestants)]
    parts += [_family(family, kept, contestants) for family in FAMILIES]
    (DOCS / "zoo.md").write_text("\n".join(parts), encoding="utf-8")


def errors(kept: Kept, case: Case, name: str) -> list[float]:
    """What a contestant's fits of a case reached; infinite where a fit failed."""
    fits = _fits(kept, case, name)
    return [float("inf") if fit["nrmse"] is None else fit["nrmse"] for fit in fits]


def _fits(kept: Kept, case: Case, name: str) -> list[dict[str, Any]]:
    return list(kept.get(case.name, {}).get("fits", {}).get(name, {}).values())


def _best(kept: Kept, case: Case, contestants: Sequence[str]) -> tuple[float, str]:
    """The least median, and whose it is; infinite where nothing was run."""
    found = [(statistics.median(e), n) for n in contestants if (e := errors(kept, case, n))]
    return min(found, default=(float("inf"), ""))


def _head(kept: Kept, contestants: Sequence[str]) -> str:
    counts = Counter(len(errors(kept, case, name)) for case in cases() for name in contestants)
    most = max(counts)
    seeds = f"{'up to ' if len(counts) > 1 else ''}{most} seed{'' if most == 1 else 's'}"
    times = []
    for name in contestants:
        seconds = [
            f["seconds"] for case in cases() for f in _fits(kept, case, name) if "seconds" in f
        ]
        if seconds:
            times.append(f"{name} {statistics.median(seconds):.1f} and {max(seconds):.1f}")
    head = HEAD.format(seeds=seeds, seconds=", ".join(times))
    if len(counts) == 1:
        return head
    few = " and ".join(f"{counts[n]} on {n or 'none'}" for n in sorted(counts) if n < most)
    return head + (
        f"\nFor want of time, of {counts.total()} cells {few} of the {most} seeds. Those on one "
        "seed have no brackets.\n"
    )


def _remarks(kept: Kept, contestants: Sequence[str]) -> str:
    best = {case.name: _best(kept, case, contestants) for case in cases()}
    lines = ["## In short", ""]
    wins = [f"{name} {sum(w == name for _, w in best.values())}" for name in contestants]
    lines += [f"Of {len(best)} targets, best was: {', '.join(wins)}. {_exactness(kept)}", ""]
    for words, low, high in (
        (f"Learned exactly (the best median is at most {EXPLAINED:g})", -1.0, EXPLAINED),
        (f"Learned well (at most {NEAR})", EXPLAINED, NEAR),
        (f"Learned in part (at most {PARTLY})", NEAR, PARTLY),
    ):
        rows = [f"`{name}`" for name, (error, _) in best.items() if low < error <= high]
        lines += [f"- {words}, {len(rows)}: {', '.join(rows) or 'none'}."]
    hard = [c for c in cases() if best[c.name][0] > PARTLY and best[c.name][1]]
    lines += [
        "",
        f"No model learns {len(hard)} of them:" if hard else "Some model learns each.",
        "",
    ]
    for case in hard:
        error, name = best[case.name]
        why = f" {case.hard}" if case.hard else ""
        lines.append(f"- `{case.name}`: {error:.2g} is left by the best, {name}.{why}")
    return "\n".join([*lines, ""])


def _exactness(kept: Kept) -> str:
    """How many targets the solver learns exactly, by whether their output tells their state."""
    tells = [case for case in cases() if case.target.output_determines_state]
    others = [case for case in cases() if not case.target.output_determines_state]
    exact = [
        sum(_best(kept, case, [SOLVER])[0] <= EXPLAINED for case in group)
        for group in (tells, others)
    ]
    return (
        f"The solver learns {exact[0]} of the {len(tells)} exactly whose output tells their state, "
        f"and {exact[1]} of the other {len(others)}."
    )


def _family(family: Family, kept: Kept, contestants: Sequence[str]) -> str:
    lines = [f"## {family.title}", ""]
    lines.append(f"| target | input | memory | tells | {' | '.join(contestants)} |")
    lines.append("| --- " * (4 + len(contestants)) + "|")
    lines += [_row(case, kept, contestants) for case in family.cases]
    failed = {
        f"{case.name}, {name}: {fit['note']}": None
        for case in family.cases
        for name in contestants
        for fit in _fits(kept, case, name)
        if fit["nrmse"] is None
    }
    lines += ["", *(f"{note}.\n" for note in failed)]
    chosen = [(case.name, _chosen(case.target)) for case in family.cases]
    shown = [f"{name} `{fields}`" for name, fields in chosen if fields]
    if shown:
        lines += [f"Parameters other than the defaults: {'; '.join(shown)}.", ""]
    return "\n".join([*lines, f"![{family.title}: input, target, best fit]({family.picture})", ""])


def _chosen(part: Any) -> str:
    """The fields of a target that are not at their defaults; none of what was recorded."""
    if isinstance(part, RecordedOutput):
        return ""
    given = attrs.fields(type(part))
    return ", ".join(
        f"{field.name}={_expression(getattr(part, field.name))}"
        for field in given
        if field.init and getattr(part, field.name) != field.default
    )


def _expression(value: Any) -> str:
    if isinstance(value, Target):
        return f"{type(value).__name__}({_chosen(value)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_expression, value))}{',' * (len(value) == 1)})"
    return f"{value}"


def _row(case: Case, kept: Kept, contestants: Sequence[str]) -> str:
    _, best = _best(kept, case, contestants)
    cells = []
    for name in contestants:
        found = _cell(kept, case, name)
        cells.append(f"**{found}**" if name == best else found)
    tells = {True: "yes", False: "no", None: ""}[case.target.output_determines_state]
    return f"| {case.name} | {case.shown} | {_memory(case)} | {tells} | {' | '.join(cells)} |"


def _memory(case: Case) -> str:
    if isinstance(case.target, RecordedOutput):
        return "unknown"
    memory = case.target.memory
    return memory.kind if memory.samples is None else f"{memory.samples or 'none'}"


def _cell(kept: Kept, case: Case, name: str) -> str:
    found = errors(kept, case, name)
    if not found:
        return "not run"
    if min(found) == float("inf"):
        return "failed"
    spread = f" ({min(found):.2g} to {max(found):.2g})" if len(found) > 1 else ""
    hidden = sum(fit["note"] == "exact_hidden" for fit in _fits(kept, case, name))
    return f"{statistics.median(found):.2g}{spread}{' h' if 2 * hidden > len(found) else ''}"
