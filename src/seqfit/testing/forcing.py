"""The laws of models that can be given true outputs in place of their own."""

from __future__ import annotations

import torch
from torch import Tensor

from seqfit.models.base import StreamModule, TeacherForced
from seqfit.signals.base import Array
from seqfit.states import State
from seqfit.testing.laws import Broken
from seqfit.testing.modules import Builder, as_tensor, near, near_trees, run


def own_outputs_give_the_free_run(builder: Builder, x: Array) -> None:
    """Fed with the outputs of its free run, a module makes that free run again."""
    module, inputs = builder.build(), as_tensor(x)
    y, after = run(module, inputs)
    forced = _forced(module, inputs, y, module.start(x.shape[1]))
    if forced is None:
        return
    if not near(forced[0], y):
        raise Broken(f"teacher_forced() of {builder} with its own outputs is not its free run")
    if not near_trees(forced[1], after):
        raise Broken(
            f"the state from teacher_forced() of {builder} with its own outputs is not that of "
            "its free run"
        )


def later_outputs_do_not_matter(builder: Builder, x: Array, at: int) -> None:
    """A prediction depends on the true outputs before its sample alone."""
    module, inputs = builder.build(), as_tensor(x)
    y = _some_outputs(x, builder.outputs)
    changed = y.clone()
    changed[at:] += 1.0
    start = module.start(x.shape[1])
    forced, other = _forced(module, inputs, y, start), _forced(module, inputs, changed, start)
    if (
        forced is not None
        and other is not None
        and not near(other[0][: at + 1], forced[0][: at + 1])
    ):
        raise Broken(
            f"a prediction by teacher_forced() of {builder} changed when y[{at}:], which comes "
            "no earlier than it, did"
        )


def chunks_do_not_matter(builder: Builder, x: Array, at: int) -> None:
    """Any outputs may be fed in two pieces."""
    module, inputs = builder.build(), as_tensor(x)
    y = _some_outputs(x, builder.outputs)
    whole = _forced(module, inputs, y, module.start(x.shape[1]))
    first = _forced(module, inputs[:at], y[:at], module.start(x.shape[1]))
    if whole is None or first is None:
        return
    second = _forced(module, inputs[at:], y[at:], first[1])
    if second is None or not near(torch.cat([first[0], second[0]]), whole[0]):
        raise Broken(f"teacher_forced() of {builder} is another when x and y come in chunks")
    if not near_trees(second[1], whole[1]):
        raise Broken(
            f"the state from teacher_forced() of {builder} is another when x and y came in chunks"
        )


def _forced(
    module: StreamModule, x: Tensor, y: Tensor, state: State
) -> tuple[Tensor, State] | None:
    if not isinstance(module, TeacherForced):
        return None
    with torch.no_grad():
        return module.teacher_forced(x, y, state)


def _some_outputs(x: Array, outputs: int) -> Tensor:
    """Numbers that differ from sample to sample, stream to stream and output to output."""
    count = x.shape[0] * x.shape[1] * outputs
    numbers = torch.arange(count, dtype=torch.float64).reshape(*x.shape[:2], outputs)
    return torch.sin(numbers)
