"""Free runs: a model on its own, from its start."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seqfit.models.base import StreamModule

SAMPLES_AT_ONCE = 2**16  # keeps the activations of a long run from filling the memory


def free_run(module: StreamModule, x: npt.NDArray[np.floating[Any]]) -> npt.NDArray[Any]:
    """The outputs of a model that starts afresh; it is left as it was.

    Args:
        module: the model.
        x: inputs, (time, streams, inputs), in the dtype of the weights.

    Returns:
        y: (time, streams, outputs).
    """
    device = next(module.parameters()).device
    state = module.start(x.shape[1])
    chunk = max(1, SAMPLES_AT_ONCE // x.shape[1])
    outputs = []
    with torch.no_grad():
        for first in range(0, len(x), chunk):
            inputs = torch.from_numpy(x[first : first + chunk]).to(device)
            y, state = module.fast_forward(inputs, state)
            outputs.append(y.cpu().numpy())
    return np.concatenate(outputs)
