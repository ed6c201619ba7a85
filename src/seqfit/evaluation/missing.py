"""How many outputs of a fit are missing, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seqfit.targets import RecordedOutput

if TYPE_CHECKING:
    from seqfit.fitting.fitter import Fitter


def missing_in_words(fitter: Fitter) -> str | None:
    """How many outputs of what was fitted are missing; None where none may be.

    Of a recording, which may have been fitted again and again, its cells are counted.
    """
    if fitter.missing == "error":
        return None
    if isinstance(fitter.target, RecordedOutput):
        missing, cells = fitter.target.count_missing()
        stretch = fitter.target.recording.stretch
        return f"{missing:,} of {cells:,} output cells of the stretch {stretch!r}"
    missing, outputs = fitter.report.missing, fitter.report.samples * fitter.outputs
    return f"{missing:,} of {outputs:,} outputs that were fitted"


def missing_of(y: npt.NDArray[np.floating[Any]]) -> str | None:
    """How many of some outputs are missing, in words; None where none is."""
    missing = int(np.isnan(y).sum())
    return f"{missing:,} of {y.size:,} outputs" if missing else None
