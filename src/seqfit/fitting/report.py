"""What a fit has come to."""

from __future__ import annotations

from typing import final

import attrs


@final
@attrs.frozen
class Report:
    """What a fit has cost and come to.

    Attributes:
        samples: samples that updates have taken, over all streams.
        replayed: samples that updates went through once more, replayed or looked back on.
        missing: outputs that were missing in the samples that updates have taken.
        updates: updates made.
        seconds: time spent in fitting, since the fitter was made or loaded.
        samples_timed: samples that were fitted in that time.
        us_per_sample: microseconds for each sample fitted in that time.
        engine: the engine that was used, or the solver.
        model: the model's configuration.
        schedule: the schedule's configuration.
        loss: mean loss over the most recent updates, each before it was made.
    """

    samples: int
    replayed: int
    missing: int
    updates: int
    seconds: float
    samples_timed: int
    us_per_sample: float
    engine: str
    model: str
    schedule: str
    loss: float
