"""A fit at one moment, which can be written while the fitter goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

import attrs

from seqfit.fitting.checkpoint import write_checkpoint
from seqfit.states import State


@final
@attrs.frozen(eq=False)
class Snapshot:
    """All of a fit at one moment; it shares no memory with the fitter.

    Attributes:
        samples: samples that updates had taken, over all streams.
        configuration: the experiment, as JSON-compatible data.
        state: all that decides how the fit goes on, as a state tree.
    """

    samples: int
    configuration: dict[str, Any]
    state: State

    def write(self, path: str | Path) -> None:
        """Write it to one file, whole or not at all, for `Fitter.load`.

        Raises:
            OSError: the file can't be written; an older one is then left as it was.
        """
        write_checkpoint(Path(path), self.configuration, self.state)
