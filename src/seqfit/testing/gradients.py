"""The laws of models that are about gradients, and about the fast ways of a module."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from seqfit import states
from seqfit.models.base import StreamModule, detach
from seqfit.signals.base import Array
from seqfit.states import State, map_arrays, map_together
from seqfit.testing.laws import Broken
from seqfit.testing.modules import Builder, as_tensor, leaves, near, near_trees, run

_STREAMS = 3
_SAMPLES = 24
_MOST_ATTEMPTS = 30


def every_parameter_learns(builder: Builder) -> None:
    """Each parameter has a finite gradient, and over some weights and inputs one that isn't 0."""
    idle: set[str] = set()
    for attempt in range(_MOST_ATTEMPTS):  # a rectifier may be shut for some weights
        module = attrs.evolve(builder, seed=builder.seed + attempt).build()
        x = torch.randn(_SAMPLES, _STREAMS, builder.inputs, dtype=torch.float64)
        y, _ = module(x, module.start(_STREAMS))
        gradients = _gradients(module, y)
        if not gradients:
            raise Broken(f"{builder} has no parameter to fit")
        for name, gradient in gradients.items():
            if gradient is not None and not bool(gradient.isfinite().all()):
                raise Broken(f"the gradient of the parameter {name!r} of {builder} is not finite")
        still = {name for name, g in gradients.items() if g is None or not bool((g != 0).any())}
        idle = still if attempt == 0 else idle & still
        if not idle:
            return
    raise Broken(f"the parameter {min(idle)!r} of {builder} gets no gradient")


def state_can_be_detached(builder: Builder, x: Array, at: int) -> None:
    """After `detach`, a second window has a backward pass of its own."""
    module = builder.build()
    first, second = as_tensor(x[:at]), as_tensor(x[at:])
    y, state = module(first, module.start(first.shape[1]))
    _gradients(module, y)
    state = detach(state)
    fresh = builder.build()
    y_fresh, _ = fresh(second, states.copy(state))
    expected = _gradients(fresh, y_fresh)
    y, _ = module(second, state)
    try:
        gradients = _gradients(module, y)
    except RuntimeError as error:
        raise Broken(
            f"{builder} has no second backward pass after its state was detached: {error}"
        ) from error
    _require_near_gradients(
        gradients, expected, f"of {builder} in a second window is another than from a fresh copy"
    )


def fast_forward_agrees(builder: Builder, x: Array, dtype: str) -> None:
    """`fast_forward` gives what `forward` does, with its gradients."""
    inputs = as_tensor(x, getattr(torch, dtype))
    slow, fast = builder.build(inputs.dtype), builder.build(inputs.dtype)
    y_slow, state_slow = slow(inputs, slow.start(inputs.shape[1]))
    y_fast, state_fast = fast.fast_forward(inputs, fast.start(inputs.shape[1]))
    if not near(y_fast, y_slow):
        raise Broken(f"fast_forward() of {builder} gives another y than forward()")
    if not near_trees(state_fast, state_slow):
        raise Broken(f"fast_forward() of {builder} gives another state than forward()")
    _require_near_gradients(
        _gradients(fast, y_fast),
        _gradients(slow, y_slow),
        f"of {builder} is another by fast_forward() than by forward()",
    )
    with torch.no_grad():
        y_fast, state_fast = fast.fast_forward(inputs, fast.start(inputs.shape[1]))
    if not (near(y_fast, y_slow) and near_trees(state_fast, state_slow)):
        raise Broken(f"fast_forward() of {builder} differs from forward() under no_grad()")


def window_states_agree(builder: Builder, x: Array, window: int, dtype: str) -> None:
    """`window_states` gives the states before each window, from which windows run in parallel."""
    inputs = as_tensor(x, getattr(torch, dtype))
    module, streams = builder.build(inputs.dtype), inputs.shape[1]
    found = module.window_states(inputs, module.start(streams), window)
    if any(leaf.requires_grad for leaf in leaves(found)):
        raise Broken(f"window_states() of {builder} gives states that require gradients")
    if not near_trees(found, _stepped_states(module, inputs, window)):
        raise Broken(f"window_states() of {builder} gives other states than forward() does")

    whole = len(inputs) // window
    if whole == 0:
        return
    y, _ = run(module, inputs)
    side_by_side = (
        inputs[: whole * window].unflatten(0, (whole, window)).transpose(0, 1).flatten(1, 2)
    )  # (window, windows * streams, inputs)
    with torch.no_grad():
        parallel, _ = module(side_by_side, map_arrays(lambda leaf: leaf[: whole * streams], found))
    in_order = parallel.unflatten(1, (whole, streams)).transpose(0, 1).flatten(0, 1)
    if not near(in_order, y[: whole * window]):
        raise Broken(f"windows of {builder} that run side by side give another y than one run")


def _stepped_states(module: StreamModule, x: Tensor, window: int) -> State:
    state = module.start(x.shape[1])
    before = [state]
    with torch.no_grad():
        for first in range(0, len(x) - window, window):
            _, state = module(x[first : first + window], state)
            before.append(state)
    return map_together(lambda *tensors: torch.cat(tensors), before)


def _gradients(module: StreamModule, y: Tensor) -> dict[str, Tensor | None]:
    """Gradients of a sum of the outputs in which each has another weight."""
    module.zero_grad(set_to_none=True)
    weights = torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)
    if y.requires_grad:
        (weights * y).sum().backward()
    return {
        name: parameter.grad
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }


def _require_near_gradients(
    found: dict[str, Tensor | None], expected: dict[str, Tensor | None], what: str
) -> None:
    for name, right in expected.items():
        gradient = found[name]
        nothing = torch.zeros(()) if right is None else torch.zeros_like(right)
        if not near(nothing if gradient is None else gradient, nothing if right is None else right):
            raise Broken(f"the gradient of the parameter {name!r} {what}")
