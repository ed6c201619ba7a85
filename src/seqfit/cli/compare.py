"""``seqfit compare``: experiments side by side at equal samples, updates and seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from seqfit.fitting import Experiment


def compare(
    experiments: Annotated[
        list[str], typer.Argument(help="TOML files or names of recipes, two or more.")
    ],
    samples: Annotated[
        int | None, typer.Option(help="Samples that each is fitted on, instead of its own number.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all, instead of their own.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the tables as JSON, on the last line.")
    ] = False,
) -> None:
    """Fit several experiments and compare them at equal samples, updates and seconds.

    Each is fitted once. Its scores are those that its weights had when it had spent what the
    thriftiest of them spends in all, to 1% of its own length.
    """
    from rich.console import Console

    from seqfit.evaluation.comparison import MEASURES, follow, nearest
    from seqfit.fitting import Fitter

    if len(experiments) < 2:
        raise ValueError(f"compare takes two experiments or more, got {len(experiments)}")
    console = Console(stderr=True)
    named = {
        _name(i, experiments): _experiment(t, samples, seed) for i, t in enumerate(experiments)
    }
    fitters = {name: Fitter.of(what) for name, what in named.items()}
    courses = {}
    for name, fitter in fitters.items():
        with console.status(f"fitting {name}: {fitter.samples:,} samples"):
            courses[name] = follow(fitter)
    tables = []
    for measure in MEASURES:
        budget = min(getattr(course[-1], measure) for course in courses.values())
        rows = []
        for name, course in courses.items():
            moment = nearest(course, measure, budget)
            spent: dict[str, Any] = {key: getattr(moment, key) for key in MEASURES}
            scores = moment.scores(fitters[name]).as_dict()
            rows.append({"experiment": name, **spent, "scores": scores})
        tables.append({"equal": measure, "rows": rows})
        _print_table(console, measure, rows)
    if as_json:
        print(json.dumps(tables))


def _name(index: int, experiments: list[str]) -> str:
    text = experiments[index]
    return text if experiments.count(text) == 1 else f"{text} ({index + 1})"


def _experiment(text: str, samples: int | None, seed: int | None) -> Experiment:
    import attrs

    from seqfit import recipes
    from seqfit.fitting import read_experiment

    numbers = {"samples": samples, "seed": seed}
    chosen: dict[str, Any] = {name: n for name, n in numbers.items() if n is not None}
    path = Path(text)
    if text in recipes.RECIPES or not (path.suffix or path.exists()):
        return recipes.recipe(text)(**chosen)
    return attrs.evolve(read_experiment(path), **chosen)


def _print_table(console: Console, measure: str, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("experiment", title=f"at equal {measure}", title_justify="left")
    for heading in ("samples", "updates", "seconds", "MAE", "RMSE", "p99", "max"):
        table.add_column(heading, justify="right")
    for row in rows:
        scores = (f"{row['scores'][name]:.3g}" for name in ("mae", "rmse", "p99", "max"))
        spent = f"{row['samples']:,}", f"{row['updates']:,}", f"{row['seconds']:.2f}"
        table.add_row(row["experiment"], *spent, *scores)
    console.print(table)
