"""Optuna's own plots of a sweep."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from seqfit.fitting.checkpoint import write_atomically

PLOTS = {
    "history": "plot_optimization_history",
    "slices": "plot_slice",
    "intermediate": "plot_intermediate_values",
    "parallel": "plot_parallel_coordinate",
    "importances": "plot_param_importances",
}
"""Names of the pictures, and of the functions that draw them."""


def draw_sweep(folder: Path, study: optuna.Study, metric: str) -> list[Path]:
    """Draw a study as PNG files.

    Args:
        folder: where to.
        study: Optuna's study.
        metric: what its scores are called.

    Returns:
        The files; none of what the trials so far don't suffice for.

    Raises:
        ImportError: the extra ``plot`` is not installed.
    """
    try:
        import matplotlib.pyplot as plt
        from optuna.visualization import matplotlib as backend
    except ImportError as missing:
        raise ImportError("a picture needs matplotlib: pip install 'seqfit[plot]'") from missing
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < 2:
        return []
    paths = []
    for name, function in PLOTS.items():
        plot: Callable[..., Any] = getattr(backend, function)
        named = {} if name == "intermediate" else {"target_name": metric}
        if name == "importances" and not _differ(complete):
            continue
        with warnings.catch_warnings(), plt.ioff():
            warnings.simplefilter("ignore")  # Optuna's of matplotlib's: axes of one value, say
            axes = np.ravel(plot(study, **named))
            figure = axes[0].figure
            if name in ("history", "intermediate"):
                axes[0].set_yscale("log")
            if name == "intermediate" and axes[0].get_legend() is not None:
                axes[0].get_legend().remove()  # a line for each trial
            figure.set_size_inches(max(8.0, 3.2 * len(axes)), 5.0)
            path = folder / f"{name}.png"
            save = functools.partial(figure.savefig, format="png", dpi=120, bbox_inches="tight")
            write_atomically(path, save)
            plt.close(figure)
        paths.append(path)
    return paths


def _differ(trials: list[optuna.trial.FrozenTrial]) -> bool:
    """Whether there is anything that scores could depend on."""
    return len({trial.value for trial in trials}) > 1
