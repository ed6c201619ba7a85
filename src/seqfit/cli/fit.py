"""``seqfit fit``: fit, score on fresh streams, and leave a run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from seqfit.cli.live import LiveData
    from seqfit.fitting import Experiment, Ranks
    from seqfit.live import Chunk

INTERRUPTED = 130
"""The exit code of a fit that was ended by Ctrl-C, as a shell has it."""


def fit(
    experiment: Annotated[
        Path | None,
        typer.Argument(help="A TOML file that describes everything.", show_default=False),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="A named experiment, see 'seqfit list'. [default: auto; with --data, --model, "
            "--schedule or --engine: gru]"
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(help="Samples to fit on, over all streams. [default: the recipe's]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of streams and initial weights. [default: 0]")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="Folder for the results. [default: a new one below runs/]")
    ] = None,
    signal: Annotated[
        str | None, typer.Option(help="What goes in: NAME or NAME:key=value,key=value.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="What should come out, likewise.")] = None,
    model: Annotated[
        str | None, typer.Option(help="What learns, likewise: 'gru:hidden=32,head=[32]'.")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="When it learns, likewise: accumulate:window=2,every=50.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Fit recorded data: a CSV file with a header, Parquet, NPZ or MATLAB; or '-', CSV "
            "from standard input as it comes."
        ),
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="An input column of the data; repeatable.")
    ] = None,
    outputs: Annotated[
        list[str] | None, typer.Option("--output", help="An output column; repeatable.")
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(help="The column of the data that tells the time; a gap in it is an error."),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(
            help="What an output without a number means (an empty cell, NaN, NA, null): error, or "
            "mask, which leaves it out of losses, scores and scales. [default: error]"
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for the rows that are appended to the data.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(help="How gradients are computed: auto, eager, windowed or compiled."),
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(help="Samples from checkpoint to checkpoint. [default: one in 30 seconds]"),
    ] = None,
    retries: Annotated[
        int, typer.Option(help="How often to go back and halve the learning rate on divergence.")
    ] = 0,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Diagnose the fit, follow what is suggested, and fit anew while it helps."
        ),
    ] = False,
    fix_seconds: Annotated[
        float | None,
        typer.Option(help="How long --fix may take after the fit, about. [default: 120]"),
    ] = None,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Log the fit for TensorBoard, below the run folder."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON, on the last line.")
    ] = False,
) -> None:
    """Fit a model to a stream and score it on streams that it has not seen.

    With no argument it fits the saturated integral of the 2017 experiment. It tries the recipe
    exact first, then exact_hidden, gru and gru_replay, until one explains the target. With --data
    it fits columns of a file: the first 70% of its rows, again and again up to --samples, scored
    on the last 15%; inputs and outputs are scaled by what the first 70% have.

    With --data - or --follow it fits each row once, as it comes, until there are no more, --samples
    have come, or Ctrl-C is pressed; inputs and outputs are scaled by what the first 1,000 have.

    The run folder gets experiment.toml (to run it again: seqfit fit experiment.toml),
    metrics.csv (the course of the loss), fitter.safetensors (weights and all else, for
    seqfit.Fitter.load), result.json and fit.png. A run that was stopped or killed goes on with
    seqfit resume RUN.

    With --fix the fit is then diagnosed as by seqfit diagnose, its first suggestion is followed,
    and so on while free runs get better, --fix-seconds allow and something is found. The folder has
    the best fit with its experiment.toml, mending.json (the path), and what was asked for as
    asked.toml. Stopped on its way, seqfit fix RUN goes on.

    Started by torchrun, as in torchrun --nproc-per-node=4 -m -- seqfit fit, it divides the streams
    of the schedule among the processes.
    """
    from rich.console import Console

    from seqfit.cli.live import run_live
    from seqfit.cli.mend import DEFAULT_SECONDS, fix_run
    from seqfit.cli.run import PLAIN, run_experiment, run_search
    from seqfit.fitting import joined
    from seqfit.fitting.ranks import restarts_by_torchrun
    from seqfit.fitting.tensorboard import writer_class
    from seqfit.validators import require_positive, require_positive_int

    console = Console(stderr=True)
    with joined() as ranks:
        with ranks.alike():
            if checkpoint_every is not None:
                require_positive_int("--checkpoint-every", checkpoint_every)
            if retries < 0:
                raise ValueError(f"--retries must be a non-negative int, got {retries}")
            if fix_seconds is not None and not fix:
                raise ValueError("--fix-seconds is for --fix, which is missing")
            if fix_seconds is not None:
                require_positive("--fix-seconds", fix_seconds)
            if fix:
                _require_alone(ranks, "--fix follows suggestions")
            if tensorboard:
                writer_class()  # its absence is an error before a folder is made
            if run is None and restarts_by_torchrun()[1]:
                raise ValueError("--max-restarts needs --run, so that a restart finds its run")
            chosen = _parts(signal=signal, target=target, model=model, schedule=schedule)
            if engine is not None:
                chosen["engine"] = engine
            if missing is not None:
                chosen["missing"] = missing
            if (data is not None and str(data) == "-") or follow:
                if fix:
                    raise ValueError(
                        "--fix fits the same samples again and again, which samples as they come "
                        "can't be; leave it out, or fit them from a file"
                    )
                _require_alone(ranks, "samples are fitted as they come")
                live = _live_data(data, inputs, outputs, time, samples, retries, chosen)
                live, what_of = _live_experiment(live, experiment, recipe, seed, chosen)
            else:
                live = None
                if data is not None:
                    if recipe == "auto":
                        raise ValueError(
                            "--recipe auto does not take --data; name a recipe, see 'seqfit list'"
                        )
                    chosen |= _recorded(data, inputs, outputs, time, chosen, recipe)
                elif inputs or outputs or time:
                    raise ValueError(
                        "--input, --output and --time name columns of --data, which is missing"
                    )
            own_model = chosen.keys() & {"model", "schedule", "engine"}
            searches = recipe == "auto" or (recipe is None and experiment is None and not own_model)
            if searches and live is None:
                if experiment is not None or own_model:
                    raise ValueError(
                        "--recipe auto chooses model, schedule and engine; leave them out"
                    )
                if fix:
                    raise ValueError(
                        "--fix mends one recipe, and --recipe auto tries them all: name one, such "
                        "as --fix --recipe gru, or leave --fix out"
                    )
                if missing == "mask":
                    raise ValueError(
                        "--recipe auto needs every output; for --missing mask name a recipe, such "
                        "as --recipe gru"
                    )
                _require_alone(ranks, "the search for a recipe runs")
        if live is not None:
            result = run_live(live, what_of, run, console, checkpoint_every, tensorboard)
        elif searches:
            result = run_search(
                samples, 0 if seed is None else seed, chosen, run, console, tensorboard
            )
        else:
            with ranks.alike():
                what = _experiment(experiment, recipe, samples, seed, chosen)
            name = experiment.stem if experiment else recipe or ("data" if data else "fit")
            result = run_experiment(
                what,
                run,
                name,
                console,
                checkpoint_every,
                retries,
                ranks,
                tensorboard=tensorboard,
            )
    if fix and result["interrupted"]:
        console.print(f"to mend it when it is finished: seqfit fix {result['run']}", **PLAIN)
    elif fix:
        seconds = DEFAULT_SECONDS if fix_seconds is None else fix_seconds
        result = fix_run(Path(result["run"]), seconds, console)
    if as_json:
        print(json.dumps(result))
    if result["interrupted"]:
        raise typer.Exit(INTERRUPTED)


def _parts(**texts: str | None) -> dict[str, Any]:
    from seqfit.cli.parts import parse_part

    return {
        part: parse_part(f"{part}s", text)  # type: ignore[arg-type]
        for part, text in texts.items()
        if text is not None
    }


def _recorded(
    data: Path,
    inputs: list[str] | None,
    outputs: list[str] | None,
    time: str | None,
    chosen: dict[str, Any],
    recipe: str | None,
) -> dict[str, Any]:
    from seqfit import recipes
    from seqfit.fitting import LevenbergMarquardt
    from seqfit.models import Scaled
    from seqfit.recordings import Recording, pair

    columns_of = _columns(inputs, outputs, chosen)
    default = recipes.recipe(recipe or recipes.DEFAULT)()
    solved = isinstance(default.optimizer, LevenbergMarquardt)  # it scales, and needs one pass
    missing = chosen.get("missing", "error")
    recording = Recording(data, "train", repeat=not solved, time=time, missing=missing)
    signal, target = pair(recording, *columns_of)
    both = recording.during("train").columns((*signal.columns, *target.columns))
    x, y = both[..., : signal.channels], both[..., signal.channels :]  # (time, streams, channels)
    if len(x) == 1:
        raise ValueError(
            f"the training stretch of {data} has one row, at least two are needed to fit anything"
        )
    _require_values(y, target.columns, "the training stretch")
    if not any(_spread(y[..., channel]) for channel in range(y.shape[2])):
        raise ValueError(
            f"the output column {target.columns[0]!r} is constant, there is nothing to fit"
        )
    parts = {"signal": signal, "target": target}
    if solved:
        return parts | {"samples": min(len(x), recipes.SOLVED)}
    return parts | {"model": Scaled.to_data(chosen.get("model", default.model), x, y)}


def _require_values(y: NDArray[Any], names: Sequence[str], where: str) -> None:
    """Raise a ValueError where all cells of an output column are missing."""
    import numpy as np

    for channel, name in enumerate(names):
        if np.isnan(y[..., channel]).all():
            raise ValueError(
                f"all {y[..., channel].size:,} cells of the output column {name!r} in {where} are "
                "missing, there is nothing to fit"
            )


def _spread(y: NDArray[Any]) -> float:
    """Greatest minus least of the outputs of each stream that are not missing, of the widest."""
    import numpy as np

    return float(np.nan_to_num(np.fmax.reduce(y) - np.fmin.reduce(y)).max())


def _columns(
    inputs: list[str] | None, outputs: list[str] | None, chosen: dict[str, Any]
) -> tuple[list[str], list[str]]:
    if not inputs or not outputs:
        raise ValueError("--data needs --input and --output, the names of its columns")
    if "signal" in chosen or "target" in chosen:
        raise ValueError("--data brings its own signal and target; leave --signal and --target out")
    return inputs, outputs


def _live_experiment(
    live: LiveData,
    path: Path | None,
    recipe: str | None,
    seed: int | None,
    chosen: dict[str, Any],
) -> tuple[LiveData, Callable[[Chunk], Experiment]]:
    """Where samples come from, and what gives the experiment once the first are there.

    It is scaled by these; what is missing among them is as the experiment has it.
    """
    import numpy as np

    from seqfit import recipes
    from seqfit.fitting import LevenbergMarquardt
    from seqfit.models import Scaled

    if recipe == "auto":
        raise ValueError("--recipe auto does not take --data; name a recipe, see 'seqfit list'")
    name = recipe if path is not None or recipe is not None else recipes.LIVE
    parts = chosen | {"signal": None, "target": None}
    what = _experiment(path, name, live.samples, seed, parts)
    if what.learning_rate is not None and live.samples is None:
        raise ValueError(
            "the learning rate of this experiment is planned for a number of samples: give "
            f"--samples, or take --recipe {recipes.LIVE}"
        )
    if what.schedule.streams != 1:
        raise ValueError(f"the schedule runs {what.schedule.streams} streams, but only one comes")

    def scaled(first: Chunk) -> Experiment:
        if path is not None or isinstance(what.optimizer, LevenbergMarquardt):
            return what  # an experiment's model is taken as it is, and a solver scales
        x, y = (np.asarray(part)[:, None] for part in first)  # (time, 1, channels)
        _require_values(y, live.outputs, f"the first {len(y):,} rows")
        return attrs.evolve(what, model=Scaled.to_data(what.model, x, y))

    return attrs.evolve(live, missing=what.missing), scaled


def _experiment(
    path: Path | None,
    recipe: str | None,
    samples: int | None,
    seed: int | None,
    chosen: dict[str, Any],
) -> Experiment:
    from seqfit import recipes
    from seqfit.fitting import read_experiment

    numbers = {"samples": samples, "seed": seed}
    chosen = chosen | {name: number for name, number in numbers.items() if number is not None}
    if path is None:
        return recipes.recipe(recipe or recipes.DEFAULT)(**chosen)
    if recipe is not None:
        raise ValueError(f"give either {path} or --recipe {recipe}, not both")
    return attrs.evolve(read_experiment(path), **chosen)


def _require_alone(ranks: Ranks, what: str) -> None:
    """Raise a ValueError where there are several ranks."""
    if ranks.count > 1:
        raise ValueError(
            f"{what} in one process, there are {ranks.count} ranks; name a recipe, such as "
            "--recipe gru, and a --schedule of several streams"
        )


def _live_data(
    data: Path | None,
    inputs: list[str] | None,
    outputs: list[str] | None,
    time: str | None,
    samples: int | None,
    retries: int,
    chosen: dict[str, Any],
) -> LiveData:
    """Where samples come from as they come.

    Raises:
        ValueError: an option is missing, or is not for such samples.
    """
    from seqfit.cli.live import LiveData

    if retries or time is not None:
        option = "--retries" if retries else "--time"
        raise ValueError(f"{option} is not for samples as they come; leave it out")
    if data is None:
        raise ValueError("--follow is for --data, which is missing")
    return LiveData(str(data), *_columns(inputs, outputs, chosen), samples)
