"""A recurrent map, written out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from seqfit.second_order.maps import HiddenLayerMap, Vector
from seqfit.second_order.recurrence import Recurrence
from seqfit.second_order.residuals import TwoValues

_NOTHING = 1e-6
"""A start below it is not told: outputs of float32 hardly show it."""


def formula(
    model: Recurrence,
    inputs: int,
    input_lags: int,
    start: Vector,
    between: TwoValues | None = None,
) -> str:
    """The equations of a recurrence, a line for each, and where it starts unless that is 0.

    Where the outputs tell the state, they are equations of the outputs alone. The first sample has
    t = 0; before it, inputs are 0.

    Args:
        model: the recurrence.
        inputs: input channels.
        input_lags: past inputs that the map sees.
        start: the state before the first sample, shape (size,).
        between: the two values of the outputs, if the model gives the logits of the second one.
    """
    outputs, size = model.readout.shape
    new = model.f.outputs
    names = [
        _name("x", channel, inputs, lag)
        for lag in range(input_lags + 1)
        for channel in range(inputs)
    ]
    scales = np.diag(model.readout[:, :outputs]).astype(np.float64)
    tells = np.array_equal(model.readout, np.eye(outputs, size) * scales[:, None]) and scales.all()
    if between is None and new == outputs and tells:
        lags = size // outputs
        past = [_name("y", o, outputs, lag + 1) for lag in range(lags) for o in range(outputs)]
        f = _in_outputs(model, scales, lags)
        begin = np.tile(scales, lags) * start + np.tile(model.shift, lags)
        lines = [
            f"{_name('y', o, outputs, 0)} = {_row(f, o, names + past)}" for o in range(outputs)
        ]
        return "\n".join([*lines, *_starts(past, begin)])
    past = [_name("s", j, size, 1) for j in range(size)]
    now = [_name("s", j, size, 0) for j in range(size)]
    rows = [_row(model.f, j, names + past) for j in range(new)]
    lines = [f"{now[j]} = {row}" for j, row in enumerate(rows) if row != "0"]
    for o in range(outputs):
        terms = [(float(model.shift[o]), "")]
        terms += [(float(c), name) for c, name in zip(model.readout[o], now, strict=True)]
        value = _sum(terms)
        if between is not None:
            low, high = between.low[o], between.high[o]
            value = f"{low:.7g} + {high - low:.7g} / (1 + exp(-({value})))"
        lines.append(f"{_name('y', o, outputs, 0)} = {value}")
    return "\n".join([*lines, *_starts(past, start)])


def _in_outputs(model: Recurrence, scales: Vector, lags: int) -> HiddenLayerMap:
    """The map of inputs and past outputs, which are states times `scales`, plus the shift."""
    f = model.f.astype(np.float64)
    shift = model.shift.astype(np.float64)
    inputs = f.features - model.size
    origin = np.concatenate([np.zeros(inputs), np.tile(shift, lags)])
    per_output = np.concatenate([np.ones(inputs), 1.0 / np.tile(scales, lags)])
    linear, hidden = f.linear * per_output, f.hidden * per_output
    return HiddenLayerMap(
        scales * (f.constant - linear @ origin) + shift,
        scales[:, None] * linear,
        scales[:, None] * f.output,
        hidden,
        f.bias - hidden @ origin,
        f.tanh,
    )


def _starts(names: list[str], values: Vector) -> list[str]:
    """Where what is called ``y[t-1]``, ``y[t-2]`` and so on starts."""
    return [
        f"{name.replace('[t-', '[-')} = {value:.7g}"
        for name, value in zip(names, values, strict=True)
        if abs(value) > _NOTHING
    ]


def _row(f: HiddenLayerMap, row: int, names: list[str]) -> str:
    terms = [(float(f.constant[row]), "")]
    terms += [(float(c), name) for c, name in zip(f.linear[row], names, strict=True)]
    for unit in range(f.units):
        inner = [(float(f.bias[unit]), "")]
        inner += [(float(c), name) for c, name in zip(f.hidden[unit], names, strict=True)]
        activation = "tanh" if f.tanh else "max"
        argument = _sum(inner) if f.tanh else f"0, {_sum(inner)}"
        terms.append((float(f.output[row, unit]), f"{activation}({argument})"))
    return _sum(terms)


def _sum(terms: Iterable[tuple[float, str]]) -> str:
    """Terms with their signs; a factor that float32 can't tell from 0 beside 1 is left out."""
    text = ""
    for factor, name in terms:
        if abs(factor) < 1e-9:
            continue
        size = f"{abs(factor):.7g}"
        product = name if size == "1" and name else f"{size} {name}".strip()
        sign = " - " if factor < 0 else " + "
        text += (sign if text else sign.strip().replace("+", "")) + product
    return text or "0"


def _name(letter: str, channel: int, channels: int, lag: int) -> str:
    number = str(channel + 1) if channels > 1 else ""
    return f"{letter}{number}[t-{lag}]" if lag else f"{letter}{number}[t]"
