"""The network of the work in torch, for peers that train torch modules."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.peers.protocol import Samples


class Network(torch.nn.Module):
    """torch's GRU with a head of one hidden layer, and given weights."""

    def __init__(self, hidden: int, weights: Samples) -> None:
        super().__init__()
        self.recurrence = torch.nn.GRU(1, hidden)
        self.head = torch.nn.Sequential(
            torch.nn.Linear(hidden, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1)
        )
        torch.nn.utils.vector_to_parameters(torch.from_numpy(weights), self.parameters())

    def flat(self) -> Samples:
        """All weights in one vector."""
        return np.concatenate([p.detach().numpy().ravel() for p in self.parameters()])
