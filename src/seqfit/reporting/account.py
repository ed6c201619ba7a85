"""What a report tells of one run."""

from __future__ import annotations

from typing import Any, final

import attrs

from seqfit.fitting.fitter import Fitter
from seqfit.models.base import Solvable
from seqfit.reporting.held_out import HeldOutRun
from seqfit.signals import Recorded
from seqfit.targets import RecordedOutput


@final
@attrs.frozen(eq=False)
class RunAccount:
    """A run, as its folder has it, and a free run that was made of it.

    Attributes:
        name: what the run is called; no two runs of a report have the same.
        folder: where it is.
        fitter: the fit as it was left.
        result: what the fit came to, as ``result.json`` has it.
        experiment: the experiment as TOML.
        held_out: a free run on streams that were not fitted; None where there are none.
        evaluation: what ``seqfit evaluate`` has left; None where it did not.
        diagnosis: what ``seqfit diagnose`` has left; None where it did not.
    """

    name: str
    folder: str
    fitter: Fitter
    result: dict[str, Any]
    experiment: str
    held_out: HeldOutRun | None
    evaluation: dict[str, Any] | None = None
    diagnosis: dict[str, Any] | None = None

    @property
    def law(self) -> str | None:
        """The formula that was found, if there is one."""
        return self.fitter.describe() if isinstance(self.fitter.module, Solvable) else None

    def input_name(self, channel: int) -> str:
        """What an input is called: as the data have it, or by its number."""
        signal = self.fitter.signal
        if isinstance(signal, Recorded):
            return signal.columns[channel]
        inputs = 1 if self.held_out is None else self.held_out.x.shape[2]
        return "input" if inputs == 1 else f"input {channel + 1}"

    def output_name(self, channel: int) -> str:
        """What an output is called, likewise."""
        target = self.fitter.target
        if isinstance(target, RecordedOutput):
            return target.columns[channel]
        outputs = 1 if self.held_out is None else self.held_out.y.shape[2]
        return "output" if outputs == 1 else f"output {channel + 1}"
