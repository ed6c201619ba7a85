"""deep-river's regressor over a rolling window, which re-runs the window for every sample.

It begins each window from the zero state and makes an update for each sample: other arithmetic than
that of the work, with the same network, loss and optimizer.
"""

from __future__ import annotations

import time
from typing import Any, final

import torch
from deep_river.regression import RollingRegressor
from torch import Tensor

from benchmarks.peers.protocol import Samples, Times, Trainer, serve
from benchmarks.peers.torch_network import Network


class LastOutput(torch.nn.Module):
    """The network as the regressor wants it: a window in, the output at its end out."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Output for the last sample of a window."""
        return self.network.head(self.network.recurrence(x)[0][-1])


@final
class DeepRiverTrainer(Trainer):
    """Calls ``learn_one`` for each sample of the one stream."""

    def __init__(self, work: dict[str, Any], rate: float, weights: Samples) -> None:
        self._network = Network(work["hidden"], weights)
        self._regressor = RollingRegressor(
            LastOutput(self._network),
            loss_fn=torch.nn.functional.l1_loss,
            optimizer_fn=torch.optim.Adam,
            lr=rate,
            window_size=work["window"],
        )

    def train(self, x: Samples, y: Samples) -> Times:
        samples = [{"x": value} for value in x.ravel().tolist()]
        targets = y.ravel().tolist()
        begin = time.perf_counter()
        for sample, target in zip(samples, targets, strict=True):
            self._regressor.learn_one(sample, target)
        return Times(time.perf_counter() - begin)

    def weights(self) -> Samples:
        return self._network.flat()


if __name__ == "__main__":
    serve(trainer=DeepRiverTrainer)
