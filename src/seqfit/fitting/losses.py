"""Losses: one number for each element, so that windows can be weighted and washed out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from seqfit.validators import did_you_mean

Loss = Callable[[Tensor, Tensor], Tensor]


def _l1(prediction: Tensor, y: Tensor) -> Tensor:
    return (prediction - y).abs()


def _mse(prediction: Tensor, y: Tensor) -> Tensor:
    return (prediction - y).square()


def _huber(prediction: Tensor, y: Tensor) -> Tensor:
    return functional.huber_loss(prediction, y, reduction="none")


_BY_NAME: dict[str, Loss] = {"huber": _huber, "l1": _l1, "mse": _mse}


def require_loss(_instance: Any, _attribute: Any, value: Any) -> None:
    """A validator: the name of a loss, or a function of prediction and y."""
    if isinstance(value, str) and value not in _BY_NAME:
        raise ValueError(
            f"loss must be one of {', '.join(_BY_NAME)}, or a function, got {value!r}"
            + did_you_mean(value, _BY_NAME)
        )
    if isinstance(value, str):
        return
    if not callable(value) or isinstance(value, type):
        raise ValueError(f"loss must be a name or a function (an instance), got {value!r}")
    if getattr(value, "reduction", "none") != "none":
        raise ValueError(
            f"loss must give one number for each element: use {type(value).__name__}"
            f"(reduction='none'), got reduction={value.reduction!r}"
        )


def elementwise(loss: str | Loss, missing: str = "error") -> Loss:
    """The function of a loss, which is checked at each call to keep samples apart.

    Args:
        loss: as in `require_loss`.
        missing: ``"mask"`` where outputs that are not a number are missing; they add nothing.

    Returns:
        A function of prediction and y, both (time, streams, outputs), that returns
        (time, streams, outputs).
    """
    function = _BY_NAME[loss] if isinstance(loss, str) else _checked(loss)
    return _of_what_is_there(function) if missing == "mask" else function


def _of_what_is_there(loss: Loss) -> Loss:
    def masked(prediction: Tensor, y: Tensor) -> Tensor:
        there = ~y.isnan()
        # Not the product with a mask: the slope at an output that is not a number is none either.
        values = loss(prediction, torch.where(there, y, prediction.detach()))
        return torch.where(there if values.shape == y.shape else there.any(-1, True), values, 0)

    return masked


def _checked(loss: Loss) -> Loss:
    def checked(prediction: Tensor, y: Tensor) -> Tensor:
        values = loss(prediction, y)
        if not isinstance(values, Tensor) or values.shape[:2] != y.shape[:2]:
            got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise ValueError(
                "loss must return one number for each sample, a tensor of shape "
                f"(time, streams) or (time, streams, outputs) = {tuple(y.shape)}, got {got}; "
                "torch's own losses do with reduction='none'"
            )
        return values if values.dim() == 3 else values[..., None]

    return checked
