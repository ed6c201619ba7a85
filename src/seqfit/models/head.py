"""The head of a network: from what it remembers to its outputs."""

from __future__ import annotations

import torch


def head_of(hidden: int, widths: tuple[int, ...], outputs: int) -> torch.nn.Module:
    """Layers of these widths with a rectifier after each, and a linear map to the outputs."""
    layers: list[torch.nn.Module] = []
    for width in widths:
        layers += [torch.nn.Linear(hidden, width), torch.nn.ReLU()]
        hidden = width
    last = torch.nn.Linear(hidden, outputs)
    return torch.nn.Sequential(*layers, last) if layers else last
