"""Ignite's trainer by truncated backpropagation, which makes an update after every window."""

from __future__ import annotations

import time
from typing import Any, final

import torch
from ignite.contrib.engines import create_supervised_tbptt_trainer
from torch import Tensor

from benchmarks.peers.protocol import Samples, Times, Trainer, serve
from benchmarks.peers.torch_network import Network


class Continued(torch.nn.Module):
    """The network as the trainer wants it; it begins where the last call ended."""

    def __init__(self, network: Network, start: Tensor) -> None:
        super().__init__()
        self.network = network
        self._state = start

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Outputs and last state."""
        begin = self._state if state is None else state
        out, last = self.network.recurrence(x, begin)
        self._state = last.detach()
        return self.network.head(out), last


@final
class IgniteTrainer(Trainer):
    """Hands the trainer all samples of a call as one batch."""

    def __init__(self, work: dict[str, Any], rate: float, weights: Samples) -> None:
        self._network = Network(work["hidden"], weights)
        start = torch.zeros(1, work["streams"], work["hidden"])
        self._trainer = create_supervised_tbptt_trainer(
            Continued(self._network, start),
            torch.optim.Adam(self._network.parameters(), lr=rate, fused=True),
            torch.nn.functional.l1_loss,
            tbtt_step=work["window"],
        )

    def train(self, x: Samples, y: Samples) -> Times:
        begin = time.perf_counter()
        self._trainer.run([(torch.from_numpy(x), torch.from_numpy(y))], max_epochs=1)
        return Times(time.perf_counter() - begin)

    def weights(self) -> Samples:
        return self._network.flat()


if __name__ == "__main__":
    serve(trainer=IgniteTrainer)
