"""Changes that may help, as suggestions that can be followed by a machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seqfit.configuration import NotSerialisable, to_data
from seqfit.diagnosis.findings import Suggestion
from seqfit.diagnosis.specimen import Specimen
from seqfit.fitting.optimizers import TorchOptimizer
from seqfit.models import Scaled

MORE = 4
MOST_SEGMENTS = 8
MOST_SOLVED = 20_000
"""Samples of each stream that a solver is given at most."""
MOST_WITH_LAGS = 10_000
"""Likewise of a model with many lags, which takes longer for each."""

CLIPPED = Suggestion("Clip the norm of gradients at 0.5.", {"clip": 0.5})
ROBUST = Suggestion(
    "Take the absolute error as loss (l1), on which outliers pull less.", {"loss": "l1"}
)


def longer_windows(specimen: Specimen, window: int) -> Suggestion:
    """Overlapping windows through which gradients flow further."""
    k1 = max(1, window // 4)
    return Suggestion(
        f"Let gradients flow back {window} samples: windows of {window} {_every(k1)}, each learned "
        "from as a whole.",
        {"schedule": _truncated(specimen, k1, window)},
    )


def same_updates(specimen: Specimen, window: int) -> Suggestion:
    """Gradients that flow back further, at as many updates."""
    length = specimen.update.length
    return Suggestion(
        f"Let gradients flow back {window} samples: windows of {window} {_every(length)}, as many "
        "updates as now.",
        {"schedule": _truncated(specimen, length, max(window, length))},
    )


def steady(specimen: Specimen, window: int, rate: float) -> Suggestion:
    """Long windows, and a rate that rises and falls to zero, so that the newest do not rule."""
    k1 = max(1, window // 4)
    return Suggestion(
        f"Take windows of {window} {_every(k1)}, clip gradients at 1, and let the learning rate "
        f"rise to {rate:g} and fall to zero, so that no stretch rules the end.",
        {"schedule": _truncated(specimen, k1, window), "clip": 1.0} | _one_cycle(specimen, rate),
    )


def replay(specimen: Specimen, window: int) -> Suggestion:
    """Earlier segments beside the newest one."""
    experiment = specimen.experiment
    capacity = max(experiment.samples // experiment.schedule.streams, 4 * window)
    k1 = max(1, window // 4)
    schedule = {
        "name": "replay",
        "inner": _truncated(specimen, k1, window),
        "capacity": capacity,
        "passes": MOST_SEGMENTS - 1,
    }
    rate = _rate(specimen)
    return Suggestion(
        f"Learn beside each newest window of {window} samples again from {MOST_SEGMENTS - 1} "
        "earlier ones (replay), by a rate that falls to zero; it takes several times longer.",
        {"schedule": schedule, "clip": 1.0} | _one_cycle(specimen, max(rate, 2e-3)),
    )


def rate_times(specimen: Specimen, factor: float) -> Suggestion | None:
    """Another learning rate; None where the optimizer can't be written."""
    rate = _rate(specimen) * factor
    changes = _with_rate(specimen, rate)
    if changes is None:
        return None
    much = "larger" if factor > 1 else "smaller"
    return Suggestion(f"Make the learning rate {much}: {rate:.2g}.", changes)


def falling_rate(specimen: Specimen, factor: float = 1.0) -> Suggestion | None:
    """A rate that rises and falls to zero within the fit."""
    if not isinstance(specimen.experiment.optimizer, TorchOptimizer):
        return None
    rate = _rate(specimen) * factor
    return Suggestion(
        f"Let the learning rate rise to {rate:.2g} and fall to zero within the fit, and clip "
        "gradients at 1.",
        {"clip": 1.0} | _one_cycle(specimen, rate),
    )


def more_updates(specimen: Specimen, factor: int) -> Suggestion | None:
    """Updates more often, at equal windows and samples; None where they can't be.

    Where windows are summed up, each gets an update of its own, which costs little more.
    """
    try:
        schedule = to_data(specimen.experiment.schedule)
    except NotSerialisable:
        return None
    fields = {"accumulate": "every", "truncated_bptt": "k1", "every_window": "window"}
    field = fields.get(schedule["name"])
    if field is None or schedule[field] < 2:
        return None
    length = max(1, schedule[field] // factor)
    if schedule["name"] == "accumulate":
        length = schedule["window"]
        changes = {"schedule.every": length, "schedule.phase": 0}
    elif schedule["name"] == "truncated_bptt":
        changes = {"schedule.k1": length}
    else:
        whole = _truncated(specimen, length, schedule["window"], loss_on="all")
        changes = {"schedule": whole}
    if length == schedule[field]:
        return None
    return Suggestion(
        f"Make an update {'after ' * (length == 1)}{_every(length)} instead of every "
        f"{schedule[field]}{' samples' * (length == 1)}.",
        changes,
    )


def more_samples(specimen: Specimen) -> Suggestion:
    """Four times as many samples, where the signal has more."""
    if specimen.is_recorded:
        return Suggestion("Record more, or take a model with fewer parameters.")
    samples = MORE * specimen.fitter.report.samples
    return Suggestion(f"Fit more samples: {samples:,}.", {"samples": samples})


def wider(specimen: Specimen, factor: int = 4) -> Suggestion | None:
    """A wider model; None where no width of it is known."""
    path, model = innermost(specimen)
    for field, least in (("hidden", 16), ("size", 16), ("units", 8)):
        if isinstance(model.get(field), int):
            width = max(least, factor * model[field])
            changes: dict[str, Any] = {f"{path}.{field}": width}
            if model.get("head") == [] and field == "hidden":
                changes[f"{path}.head"] = [width]
            return Suggestion(f"Take a wider model: {field} = {width}.", changes)
    return None


def gated(specimen: Specimen, hidden: int = 32) -> Suggestion | None:
    """A network with a memory that can last; None where it is one."""
    path, own = innermost(specimen)
    if own.get("name") in ("gru", "lstm"):
        return None
    model = {"name": "gru", "hidden": hidden, "head": [hidden]}
    return Suggestion(
        f"Take a network that can keep its state: a GRU of {hidden} units.",
        {path: model},
    )


def state_space(specimen: Specimen) -> Suggestion:
    """A small state-space network, solved through free runs."""
    return Suggestion(
        "Solve for a small state-space network, which is fitted through free runs and keeps a "
        "state of its own.",
        _solved(specimen, {"name": "state_space"}),
    )


def lags(specimen: Specimen, lag: int) -> Suggestion:
    """A model that is fed with past inputs, and with its own outputs."""
    path, model = innermost(specimen)
    if model.get("name") == "output_feedback":
        words = f"Give the model the last {lag} inputs: input_lags = {lag}."
        return Suggestion(words, {f"{path}.input_lags": lag})
    return Suggestion(
        f"Solve for a network that is fed with the last {lag} inputs and its own last two outputs.",
        _solved(
            specimen,
            {"name": "output_feedback", "input_lags": lag, "output_lags": 2},
            MOST_WITH_LAGS,
        ),
    )


def other_ways(specimen: Specimen) -> tuple[Suggestion, ...]:
    """Where nothing is known to be bad: a solver, a better schedule, a network with a state."""
    if not specimen.learns_by_gradients:
        return ()
    window = int(np.clip(len(specimen.past_x) // 20, 4, 100))
    return those(state_space(specimen), steady(specimen, window, 5e-3), gated(specimen))


def higher_orders(specimen: Specimen) -> tuple[Suggestion, ...]:
    """Models that keep more numbers of the past than the one that was solved for."""
    path, model = innermost(specimen)
    found = []
    if model.get("name") == "output_feedback":
        inputs, outputs = model["input_lags"] + 2, model["output_lags"] + 2
        words = f"Give the model more of the past: input_lags = {inputs}, output_lags = {outputs}."
        changes = {f"{path}.input_lags": inputs, f"{path}.output_lags": outputs}
        found = [Suggestion(words, changes), state_space(specimen)]
    elif model.get("name") == "state_space":
        size, units = model["size"] + 2, 2 * model["units"]
        words = f"Give the model a larger state: size = {size}, units = {units}."
        found = [Suggestion(words, {f"{path}.size": size, f"{path}.units": units})]
    if not found:
        return ()
    window = int(np.clip(len(specimen.past_x) // 20, 4, 100))
    by_gradients = steady(specimen, window, 5e-3)
    words = (
        f"Take a network that keeps a state of any kind: a GRU of 32 units. {by_gradients.words}"
    )
    model = {path: {"name": "gru", "hidden": 32, "head": [32]}}
    return (*found, Suggestion(words, model | by_gradients.changes))


def scaled(specimen: Specimen) -> Suggestion | None:
    """A model in the units of the data, by new numbers where it is scaled; None if not written."""
    _, model = innermost(specimen)
    if not model:
        return None
    numbers: dict[str, Any] = {}
    for name, values in (("input", specimen.past_x), ("output", specimen.past_y)):
        observed = ~np.isnan(values)
        if not observed.any(axis=(0, 1)).all():
            return None
        mean = values.mean(axis=(0, 1), where=observed)
        deviation = values.std(axis=(0, 1), where=observed)
        numbers[f"{name}_offset"] = [float(v) for v in mean]
        numbers[f"{name}_scale"] = [float(v) if v > 0 else 1.0 for v in deviation]
    how = "other numbers for the scaled model" if is_scaled(specimen) else "a scaled model"
    return Suggestion(
        f"Scale inputs and outputs to mean 0 and deviation 1: {how}.",
        {"model": {"name": "scaled", "model": model} | numbers},
    )


def those(*remedies: Suggestion | None) -> tuple[Suggestion, ...]:
    """The remedies that there are."""
    return tuple(remedy for remedy in remedies if remedy is not None)


def innermost(specimen: Specimen) -> tuple[str, dict[str, Any]]:
    """The path of the model that learns, within those that scale it, and its data."""
    path, model = "model", specimen.experiment.model
    while hasattr(model, "model"):
        path, model = f"{path}.model", model.model
    try:
        return path, to_data(model)
    except NotSerialisable:
        return path, {}


def is_scaled(specimen: Specimen) -> bool:
    """Whether the model that learns is given other units than those of the data."""
    return isinstance(specimen.experiment.model, Scaled)


def as_learned(specimen: Specimen) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """What was fitted in the units of the innermost model, within those that scale it."""
    x: npt.NDArray[Any] = specimen.past_x
    y: npt.NDArray[Any] = specimen.past_y
    model = specimen.experiment.model
    while isinstance(model, Scaled):
        x = (x - model.input_offset) / model.input_scale
        y = (y - model.output_offset) / model.output_scale
        model = model.model
    return x, y


def _every(samples: int) -> str:
    return "every sample" if samples == 1 else f"every {samples} samples"


def _truncated(specimen: Specimen, k1: int, k2: int, loss_on: str = "all") -> dict[str, Any]:
    streams = specimen.experiment.schedule.streams
    return {"name": "truncated_bptt", "k1": k1, "k2": k2, "loss_on": loss_on, "streams": streams}


def _one_cycle(specimen: Specimen, rate: float) -> dict[str, Any]:
    cycle = {"name": "OneCycleLR", "max_lr": rate, "pct_start": 0.1, "cycle_momentum": False}
    changes: dict[str, Any] = {"learning_rate": cycle}
    optimizer = specimen.experiment.optimizer
    if isinstance(optimizer, TorchOptimizer):
        changes["optimizer"] = optimizer.settings() | {"lr": rate}
    else:
        changes["optimizer"] = {"name": "Adam", "lr": rate}
    return changes


def _solved(specimen: Specimen, model: dict[str, Any], most: int = MOST_SOLVED) -> dict[str, Any]:
    streams = specimen.experiment.schedule.streams
    # A recording that comes again jumps where it begins anew: its first pass has to do.
    length = min(specimen.experiment.samples // streams, len(specimen.past_x), most)
    return {
        "model": model,
        "optimizer": {"name": "LevenbergMarquardt"},
        "learning_rate": None,
        "clip": None,
        "schedule": {"name": "every_window", "window": length, "streams": streams},
    }


def _rate(specimen: Specimen) -> float:
    """The greatest learning rate of the fit."""
    experiment = specimen.experiment
    options = getattr(experiment.learning_rate, "options", {})
    if isinstance(options.get("max_lr"), float):
        return float(options["max_lr"])
    own = getattr(experiment.optimizer, "options", {}).get("lr")
    rate = specimen.fitter.learning_rate_now if own is None else float(own)
    return rate if rate == rate and rate > 0 else 2e-3


def _with_rate(specimen: Specimen, rate: float) -> dict[str, Any] | None:
    experiment = specimen.experiment
    if not isinstance(experiment.optimizer, TorchOptimizer):
        return None
    changes: dict[str, Any] = {"optimizer.lr": rate}
    if "max_lr" in getattr(experiment.learning_rate, "options", {}):
        changes["learning_rate.max_lr"] = rate
    return changes
