"""The eager engine follows the 2017 loop sample for sample."""

import numpy as np
import pytest
import torch

from seqfit import Fitter
from seqfit.fitting import TorchOptimizer
from seqfit.models import GRU
from seqfit.schedules import Accumulate, EveryWindow
from seqfit.signals import RandomHold
from seqfit.targets import SaturatedIntegral


def loop_of_2017(x, y, update_every):
    """A streaming loop as it is written by hand: index tests, and gradients that pile up."""
    torch.manual_seed(0)
    recurrence = torch.nn.GRU(1, 50)
    head = torch.nn.Sequential(torch.nn.Linear(50, 50), torch.nn.ReLU(), torch.nn.Linear(50, 1))
    parameters = [*recurrence.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=2e-4)
    hidden, outputs, targets = torch.zeros(1, 1, 50), [], []
    for index in range(len(x)):
        out, hidden = recurrence(torch.tensor([[[x[index]]]]), hidden)
        outputs.append(head(out))
        targets.append(torch.tensor([[[y[index]]]]))
        if index % 2 == 0:
            torch.nn.functional.l1_loss(torch.cat(outputs), torch.cat(targets)).backward()
            hidden, outputs, targets = hidden.detach(), [], []
        if index % update_every == 0:
            optimizer.step()
            optimizer.zero_grad()
    return [p.detach() for p in parameters]


@pytest.mark.parametrize(
    ("schedule", "update_every"),
    [(EveryWindow(2, phase=1), 2), (Accumulate(2, 50, phase=1), 50)],
)
@pytest.mark.parametrize("engine", ["eager", "windowed"])
def test_weights_are_those_of_a_plain_loop(schedule, update_every, engine):
    samples = 401
    signal, target = RandomHold(), SaturatedIntegral()
    x, _ = signal.generate(signal.start(1, seed=0), samples)
    y, _ = target.transform(x, target.start(1))
    fitter = Fitter(
        signal,
        target,
        GRU(hidden=50, head=(50,)),
        schedule,
        optimizer=TorchOptimizer("Adam", {"lr": 2e-4}),
        loss="l1",
        seed=0,
        engine=engine,
    ).fit(samples)
    expected = loop_of_2017(np.float32(x.ravel()), np.float32(y.ravel()), update_every)
    for found, wanted in zip(fitter.module.parameters(), expected, strict=True):
        torch.testing.assert_close(found.detach(), wanted, rtol=0, atol=2e-6)
