"""What a report tells of one run."""

from __future__ import annotations

from typing import Any, final

import attrs

from seqfit import configuration
from seqfit.environment import environment
from seqfit.fitting.experiment import to_toml
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
        folder: where it is; None for a fit that was made in Python and left no folder.
        fitter: the fit as it was left.
        result: what the fit came to, as ``result.json`` has it.
        experiment: the experiment as TOML.
        held_out: a free run on streams that were not fitted; None where there are none.
        evaluation: what ``seqfit evaluate`` has left; None where it did not.
        diagnosis: what ``seqfit diagnose`` has left; None where it did not.
        is_repeatable: whether ``experiment.toml`` in the folder is the experiment that was fitted.
        remarks: what has to be known of the run before all else.
    """

    name: str
    folder: str | None
    fitter: Fitter
    result: dict[str, Any]
    experiment: str
    held_out: HeldOutRun | None
    evaluation: dict[str, Any] | None = None
    diagnosis: dict[str, Any] | None = None
    is_repeatable: bool = True
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        fitter: Fitter,
        name: str,
        *,
        length: int | None = None,
        streams: int | None = None,
        seed: int | None = None,
    ) -> RunAccount:
        """The account of a fit in memory; of its arguments, see `HeldOutRun.of`.

        Raises:
            ValueError: nothing was fitted yet, or the signal has fewer samples or streams.
        """
        require_fitted(fitter)
        result = attrs.asdict(fitter.report)
        result |= {"interrupted": False, "environment": environment()}
        run = None
        if fitter.signal is not None:
            run = HeldOutRun.of(fitter, length, streams, seed)
        return cls(name, None, fitter, result, experiment_of(fitter), run)

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


def require_fitted(fitter: Fitter) -> None:
    """Raise a ValueError where there is nothing to report."""
    if not fitter.report.updates:
        raise ValueError("nothing was fitted yet, there is nothing to report")


def experiment_of(fitter: Fitter) -> str:
    """The experiment of a fit as TOML, or a remark that says why there is none."""
    try:
        return to_toml(fitter.experiment)
    except configuration.NotSerialisable as error:
        return f"# {error}\n"
