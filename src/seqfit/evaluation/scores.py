"""Scores: how far outputs are from what should have come out."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt


@final
@attrs.frozen
class Scores:
    """Errors of a free run, over all its samples, streams and output channels.

    Attributes:
        mae: mean absolute error.
        rmse: root of the mean squared error.
        p99: the absolute error that 99% of the samples do not exceed.
        max: largest absolute error.
        samples: samples scored, over all streams.
        streams: streams scored.
    """

    mae: float
    rmse: float
    p99: float
    max: float
    samples: int
    streams: int

    def __str__(self) -> str:
        return f"MAE {self.mae:.3g}, RMSE {self.rmse:.3g}, p99 {self.p99:.3g}, max {self.max:.3g}"


def score(prediction: npt.NDArray[np.floating[Any]], y: npt.NDArray[np.floating[Any]]) -> Scores:
    """The scores of a prediction against what should have come out.

    Args:
        prediction: (time, streams, outputs), at least one sample.
        y: the same shape.
    """
    error = np.abs(prediction.astype(np.float64) - y)
    return Scores(
        mae=float(error.mean()),
        rmse=float(np.sqrt(np.square(error).mean())),
        p99=float(np.quantile(error, 0.99)),
        max=float(error.max()),
        samples=error.shape[0] * error.shape[1],
        streams=error.shape[1],
    )
