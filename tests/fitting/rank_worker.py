"""What each rank runs in the tests of ranks: fits, checkpoints, and fits that go on from others.

Arguments: the folder to leave files in, and one with the checkpoints of another number of ranks.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from seqfit import Fitter, states
from seqfit.fitting import TorchOptimizer, joined
from seqfit.models import GRU, LSTM, RNN, Wrap
from seqfit.schedules import Accumulate, EveryWindow, Replay, TruncatedBPTT
from seqfit.schedules.base import Progress
from seqfit.signals import Beside, Events, RandomHold, Signal, Sine
from seqfit.targets import Delay, Missing, MovingStatistic, Noisy, SaturatedIntegral

UPDATES = 100
STREAMS = 7


class Indivisible(Signal):
    """A signal of which all streams run on every rank."""

    def start(self, streams, seed):
        return {"streams": streams, "seed": seed, "position": 0}

    def generate(self, state, length):
        streams, position = state["streams"], state["position"]
        times = np.arange(position, position + length)[:, None] + 1
        x = np.sin(times * (np.arange(streams) + 1) + state["seed"])
        return x[..., None].astype(np.float32), state | {"position": position + length}


class Dropped(torch.nn.Module):
    """Draws random numbers while it is fitted."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.net = torch.nn.Linear(inputs, outputs)

    def start(self, streams):
        return torch.zeros(streams, 1)

    def forward(self, x, state):
        return self.net(torch.nn.functional.dropout(x, 0.5)), state


class Midpoint(torch.optim.Optimizer):
    """Computes two gradients in a step, as methods that search along a line compute several."""

    def __init__(self, parameters):
        super().__init__(parameters, {"lr": 0.05})

    def step(self, closure):
        loss = closure()
        (group,) = self.param_groups
        with torch.no_grad():
            before = [p.clone() for p in group["params"]]
            for p in group["params"]:
                p -= group["lr"] / 2 * p.grad
        closure()
        with torch.no_grad():
            for p, start in zip(group["params"], before, strict=True):
                p.copy_(start - group["lr"] * p.grad)
        return loss


SGD = TorchOptimizer("SGD", {"lr": 0.05})
CASES = {
    "auto": {
        "target": Noisy(SaturatedIntegral()) >> Delay(2),
        "model": GRU(hidden=5, head=(4,)),
        "schedule": TruncatedBPTT(3, 8, loss_on="all", streams=STREAMS),
        "clip": 0.1,
    },
    "float32": {"dtype": "float32", "optimizer": SGD, "model": LSTM(hidden=3)},
    "eager": {"engine": "eager", "signal": Sine(period=9.5), "model": GRU(hidden=3)},
    "windowed": {
        "engine": "windowed",
        "signal": Beside([RandomHold(), Events()]),
        "target": MovingStatistic(window=5),
        "model": LSTM(hidden=3, layers=2, head=()),
        "schedule": Accumulate(2, 5, streams=STREAMS),
    },
    "replay": {
        "model": RNN(4, head=()),
        "schedule": Replay(TruncatedBPTT(2, 4, streams=STREAMS), capacity=20, passes=2),
    },
    "indivisible": {"signal": Indivisible(), "target": MovingStatistic(window=3)},
    "several gradients in a step": {"optimizer": Midpoint},
    "missing outputs": {"target": Missing(SaturatedIntegral(), 0.4), "missing": "mask"},
}
PROBLEM = {
    "signal": RandomHold(),
    "target": SaturatedIntegral(),
    "model": GRU(hidden=4, head=()),
    "schedule": EveryWindow(4, streams=STREAMS),
    "dtype": "float64",
}
# What one process can't do alike: each rank draws numbers of its own.
ONLY_THE_SAME_COUNT = {"dropout": {"model": Wrap(Dropped), "engine": "windowed"}}


def fitter(name, ranks=None):
    parts = PROBLEM | (CASES | ONLY_THE_SAME_COUNT)[name]
    return Fitter(**parts) if ranks is None else Fitter(**parts, ranks=ranks)


def parts_to_give(name):
    """What can't be written into a checkpoint."""
    parts = PROBLEM | (CASES | ONLY_THE_SAME_COUNT)[name]
    return {
        part: value
        for part, value in parts.items()
        if value is Midpoint or isinstance(value, Indivisible | Wrap)
    }


def samples(name):
    """As many as make all updates, and in the middle of one; of half of them likewise."""
    schedule = (PROBLEM | (CASES | ONLY_THE_SAME_COUNT)[name])["schedule"]
    nothing = Progress(position=0, updates=0, loss=float("nan"))
    length = schedule.next_update(schedule.start(), nothing)[0].length
    whole = UPDATES * length * STREAMS + STREAMS + 3
    return whole // 2, whole


def go_on(path, name, ranks=None):
    """The end of a fit of which the checkpoint of its middle is there."""
    half, whole = samples(name)
    loaded = Fitter.load(path, **parts_to_give(name), **({} if ranks is None else {"ranks": ranks}))
    return loaded.fit(whole - half)


def weights(fitted):
    return {key: value.clone() for key, value in fitted.module.state_dict().items()}


def main(own, other):
    with joined() as ranks:
        for name in CASES | ONLY_THE_SAME_COUNT:
            half, whole = samples(name)
            fitted = fitter(name, ranks).fit(half)
            fitted.save(own / f"{name}.half")
            fitted.fit(whole - half)
            if ranks.count == 2:  # of what is stopped; more ranks would show no more
                stopped = go_on(own / f"{name}.half", name, ranks)
                assert states.same(weights(stopped), weights(fitted)), name
                assert stopped.loss_curve == fitted.loss_curve, name
            gathered = ranks.gather(weights(fitted))
            assert all(states.same(weights(fitted), one) for one in gathered), name
            fitted.save(own / f"{name}.end")
            if name in CASES:
                go_on(other / f"{name}.half", name, ranks).save(own / f"{name}.resumed")
            if ranks.is_first:
                print(name, fitted.report.engine, flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
