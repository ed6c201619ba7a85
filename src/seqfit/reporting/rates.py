"""The course of the learning rate, as the experiment plans it."""

from __future__ import annotations

import math
from typing import Any

import torch

from seqfit.fitting.experiment import Experiment
from seqfit.fitting.optimizers import LevenbergMarquardt, TorchLearningRate
from seqfit.schedules.base import updates_within

STEPS = 100_000
"""The most steps of a schedule that are gone through for a picture."""

POINTS = 400


def planned_rates(experiment: Experiment, updates: int) -> tuple[list[float], list[float]] | None:
    """The learning rate over the first updates of a fit, without halvings on the way.

    Args:
        experiment: what is fitted.
        updates: how many were made.

    Returns:
        Shares of these updates, from 0 to 1, and the rate at each, the last one that of the next
        update; None where there is none to tell: the fit is solved, or the schedule has too many
        steps of its own.
    """
    if isinstance(experiment.optimizer, LevenbergMarquardt) or updates < 1:
        return None
    optimizer: Any = experiment.optimizer((torch.nn.Parameter(torch.zeros(1)),))
    rate: Any = experiment.learning_rate
    if rate is None:
        now = float(optimizer.param_groups[0]["lr"])
        return [0.0, 1.0], [now, now]
    planned = max(updates_within(experiment.schedule, experiment.samples), 1)
    scale = 1.0
    if isinstance(rate, TorchLearningRate):
        scale = min(1.0, STEPS / planned) if rate.over(planned) != rate else 1.0
        rate = rate.over(math.ceil(planned * scale))
    steps = math.ceil(updates * scale)
    if steps > STEPS:
        return None
    scheduler = rate(optimizer)
    total = getattr(scheduler, "total_steps", math.inf)
    shares, rates = [], []
    stride = max(1, steps // POINTS)
    for step in range(steps + 1):
        if step % stride == 0 or step == steps:
            shares.append(step / steps)
            rates.append(float(optimizer.param_groups[0]["lr"]))
        if scheduler.last_epoch + 1 < total:
            optimizer.step()  # without a gradient: it changes nothing, and torch wants it first
            scheduler.step()
    return shares, rates
