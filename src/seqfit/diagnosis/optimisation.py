"""Whether steps are of the right size and number, and whether gradients and units are alive."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seqfit.diagnosis.findings import Curve, Suggestion
from seqfit.diagnosis.judging import Suspect, judge
from seqfit.diagnosis.memory import target_memory
from seqfit.diagnosis.recency import Continuation
from seqfit.diagnosis.remedies import (
    CLIPPED,
    falling_rate,
    gated,
    longer_windows,
    rate_times,
    steady,
    those,
    wider,
)
from seqfit.diagnosis.specimen import CannotTellError, Specimen, ratio_interval
from seqfit.fitting import DivergedError
from seqfit.fitting.losses import elementwise
from seqfit.models.base import detach
from seqfit.states import leaves, map_arrays

FACTORS = (1.0, 1 / 16, 1 / 4, 4.0, 16.0, 64.0)
"""Multiples of the learning rate, in the order in which there may be time for them."""
SNAPSHOTS = 8
STEPS = 64
STREAMS = 16
SATURATED = 0.99


def step_size(specimen: Specimen) -> list[Suspect]:
    """How the error goes on at other learning rates, from where the fit is now.

    Copies of the fit go on with the same samples, each by a multiple of its rate; the error is the
    mean over snapshots of the second half of the way.
    """
    if not specimen.learns_by_gradients:
        return []
    fitter = specimen.fitter
    greatest = _greatest_rate(specimen)
    if not fitter.learning_rate_now > 0.05 * greatest:
        raise CannotTellError(
            f"step size: the learning rate has fallen to {fitter.learning_rate_now:.2g} of at most "
            f"{greatest:.2g}, so that no step is left to look at"
        )
    fitted = len(specimen.past_x)
    length = max(specimen.update.length, int(np.clip(fitted // 5, 500, 5000)) // (2 * SNAPSHOTS))
    errors: dict[float, npt.NDArray[np.float64]] = {}
    until = time.perf_counter() + 0.3 * specimen.seconds_left
    for factor in FACTORS:
        if len(errors) > 1 and time.perf_counter() > until:
            break
        going = Continuation.of(specimen)
        going.fitter.slow_down(factor)
        seen = []
        try:
            for number in range(2 * SNAPSHOTS):
                going.go_on(length)
                if number >= SNAPSHOTS:
                    seen.append(specimen.error_with(going.fitter.module))
        except DivergedError:
            continue
        errors[factor] = np.mean(seen, axis=0)  # (streams,)
    if 1.0 not in errors:
        raise CannotTellError("step size: the fit diverges as it goes on")
    own = errors[1.0]
    smaller = min((f for f in errors if f < 1), key=lambda f: errors[f].mean(), default=None)
    larger = min((f for f in errors if f > 1), key=lambda f: errors[f].mean(), default=None)
    curve = Curve(
        f"error after {2 * SNAPSHOTS * length:,} more samples by another learning rate",
        "multiple of the learning rate",
        "mean absolute error of free runs",
        tuple(sorted(errors)),
        (("free run", tuple(float(errors[f].mean()) for f in sorted(errors))),),
        is_logarithmic=True,
    )

    def against(kind: str, factor: float, *remedies: Suggestion | None) -> Suspect:
        much, interval = ratio_interval(own, errors[factor])
        return judge(
            specimen,
            kind,
            much,
            f"error at the fit's rate over that at {factor:g} times as much",
            f"{2 * SNAPSHOTS * length:,} more samples at {factor:g} times the learning rate leave "
            f"an error {much:.2g} times smaller than at the rate itself.",
            interval=interval,
            remedies=those(*remedies),
            curve=curve,
            is_possible=not (factor < 1 and specimen.is_before_a_lower_rate),
        )

    falling = falling_rate(specimen)
    lower = (falling, rate_times(specimen, 0.25), rate_times(specimen, 0.05))
    suspects = [] if smaller is None else [against("step_too_large", smaller, *lower)]
    if larger is not None:
        higher = (rate_times(specimen, larger), rate_times(specimen, 4 * larger))
        rising = falling_rate(specimen, 4 * larger)
        suspects.append(against("step_too_small", larger, *higher, rising))
    return suspects


def gradients(specimen: Specimen) -> list[Suspect]:
    """How gradients shrink or grow on their way back, and which units are alive."""
    if not specimen.learns_by_gradients:
        return []
    steps = min(STEPS, len(specimen.past_x) // 4)
    if steps < 4:
        raise CannotTellError("gradients by lag: too few samples were fitted")
    state, x, y = specimen.segments(steps, STREAMS, min(200, len(specimen.past_x) // 4))
    module = specimen.module_of_its_own()
    loss = elementwise(specimen.experiment.loss, specimen.experiment.missing)
    watched = _Activations(module)
    inputs, outputs = specimen.tensors(x, y)
    states = [map_arrays(_as_leaf, detach(state))]
    prediction = inputs
    for t in range(steps):
        prediction, after = module(inputs[t : t + 1], states[-1])
        states.append(map_arrays(_kept, after))
    watched.remove()
    loss(prediction, outputs[-1:]).mean().backward()
    norms = _norms(states[:-1])[::-1]  # (lags, parts): by how many samples back
    units = torch.stack([_numbers(s) for s in states[1:]])  # (time, streams, units)
    return [*_by_lag(specimen, norms), *_units(specimen, units, watched)]


def _by_lag(specimen: Specimen, norms: npt.NDArray[np.float64]) -> list[Suspect]:
    from_first = norms / np.maximum(norms[0], 1e-30)
    try:
        remembered = target_memory(specimen)
    except CannotTellError:
        remembered = None
    lags = min(len(norms), max(remembered or len(norms), 2))
    at_end = from_first[lags - 1]
    worst = int(np.argmin(at_end))
    greatest = from_first.max(axis=1)  # of the parts, by lag
    far = int(greatest.argmax())
    grows = float(np.log10(max(greatest[far], 1e-30)))
    shrinks = float(-np.log10(max(at_end.max(), 1e-30)))
    names = tuple(f"part {i + 1}" for i in range(norms.shape[1]))
    curve = Curve(
        "gradient of a sample's loss by the state before it",
        "samples back",
        "norm, over that of the sample's own",
        tuple(map(float, range(1, len(norms) + 1))),
        tuple((n, tuple(from_first[:, i].tolist())) for i, n in enumerate(names)),
    )
    window = min(100, max(8, len(specimen.past_x) // 20))
    return [
        judge(
            specimen,
            "vanishing_gradient",
            shrinks,
            f"powers of ten that a gradient loses on its way back {lags} samples",
            f"The gradient of a sample's loss by the state {lags} samples before is "
            f"{10**-shrinks:.2g} of that by the state just before it; of the layers or parts of "
            f"the state, number {worst + 1} loses most.",
            remedies=those(
                gated(specimen),
                rate_times(specimen, 16.0),
                longer_windows(specimen, window),
                steady(specimen, window, 5e-3),
            ),
            curve=curve,
        ),
        judge(
            specimen,
            "exploding_gradient",
            grows,
            f"powers of ten that a gradient gains on its way back {far + 1} samples",
            f"The gradient of a sample's loss by the state {far + 1} samples before is "
            f"{10**grows:.3g} times that by the state just before it.",
            remedies=those(CLIPPED, falling_rate(specimen), gated(specimen)),
            curve=curve,
        ),
    ]


def _units(specimen: Specimen, states: torch.Tensor, watched: _Activations) -> list[Suspect]:
    moving = [(values.amax((0, 1)) - values.amin((0, 1))) for values in (states, *watched.seen())]
    still = torch.cat([span <= 1e-6 * max(float(span.max()), 1e-30) for span in moving])
    dead = float(still.double().mean())
    high = float((states.abs() > SATURATED).double().mean((0, 1)).ge(0.95).double().mean())
    at_most_one = bool((states.abs() <= 1).all())
    remedies = those(
        rate_times(specimen, 0.1),
        falling_rate(specimen, 0.25),
        steady(specimen, 100, 2e-3),
        gated(specimen),
        wider(specimen, 2),
    )
    return [
        judge(
            specimen,
            "dead_units",
            dead,
            "share of units that never move",
            f"{dead:.0%} of the {len(still)} units give the same for every sample.",
            remedies=remedies,
        ),
        judge(
            specimen,
            "saturated_units",
            high,
            "share of the state's units that are at an end of their range",
            f"{high:.0%} of the numbers in the state lie beyond {SATURATED} of their range for 95% "
            "of the samples.",
            remedies=remedies,
            is_possible=at_most_one,
        ),
    ]


class _Activations:
    """What the activations within a module give, collected by hooks."""

    _KINDS = (torch.nn.ReLU, torch.nn.Tanh, torch.nn.Sigmoid, torch.nn.GELU, torch.nn.ELU)

    def __init__(self, module: torch.nn.Module) -> None:
        self._outputs: dict[int, list[torch.Tensor]] = {}
        self._hooks = [
            part.register_forward_hook(self._hook(number))
            for number, part in enumerate(module.modules())
            if isinstance(part, self._KINDS)
        ]

    def remove(self) -> None:
        """Collect no more."""
        for hook in self._hooks:
            hook.remove()

    def seen(self) -> list[torch.Tensor]:
        """What each gave, (time, streams, units)."""
        return [
            torch.cat([out.reshape(-1, 1, out.shape[-1]) for out in outs])
            for outs in self._outputs.values()
        ]

    def _hook(self, number: int) -> Any:
        def hook(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
            self._outputs.setdefault(number, []).append(output.detach())

        return hook


def _greatest_rate(specimen: Specimen) -> float:
    options = getattr(specimen.experiment.learning_rate, "options", {})
    own = getattr(specimen.experiment.optimizer, "options", {}).get("lr", 0.0)
    values = [options.get("max_lr"), own, specimen.fitter.learning_rate_now]
    return max(float(v) for v in values if isinstance(v, int | float))


def _as_leaf(leaf: Any) -> Any:
    return leaf.clone().requires_grad_() if leaf.is_floating_point() else leaf


def _kept(leaf: Any) -> Any:
    if leaf.requires_grad:
        leaf.retain_grad()
    return leaf


def _numbers(state: Any) -> torch.Tensor:
    """All numbers of a state, (streams, numbers)."""
    return torch.cat([leaf.detach().reshape(len(leaf), -1) for leaf in leaves(state)], dim=1)


def _norms(states: list[Any]) -> npt.NDArray[np.float64]:
    """Norms of the gradients by each state, of each layer and part, (time, parts)."""
    found = []
    for state in states:
        norms = []
        for leaf in leaves(state):
            slope = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
            layers = slope.unbind(1) if slope.dim() > 2 else [slope]
            norms += [float(layer.double().norm()) for layer in layers]
        found.append(norms)
    return np.array(found)
