"""From where on a measurement is bad.

Set by hand from what `python -m benchmarks diagnosis --first 100` measures: above all that it finds
in healthy fits, and where possible below what it finds where the defect was planted; confirmed on
other seeds. docs/diagnosis.md has both. Measurements grow with the defect.
"""

from __future__ import annotations

from typing import Final

THRESHOLDS: Final[dict[str, float]] = {
    "hardly_learned": 0.6,
    "recency_overfitting": 1.1,
    "truncation_too_short": 0.12,
    "forgetting": 2.0,
    "start_sensitivity": 0.1,
    "drift": 1.3,
    "capacity_too_small": 2.5,
    "step_too_large": 1.1,
    "step_too_small": 1.2,
    "too_few_updates": 1.3,
    "vanishing_gradient": 1.5,
    "exploding_gradient": 1.5,
    "dead_units": 0.55,
    "saturated_units": 0.3,
    "too_few_samples": 0.25,
    "constant_input": 0.0,
    "repeated_input": 0.5,
    "unseen_input": 0.02,
    "noisy_target": 0.05,
    "unrecorded_input": 0.05,
    "changing_relation": 0.02,
    "output_trend": 0.2,
    "input_lag": 1.0,
    "badly_scaled": 1.0,
    "exposure": 3.0,
}

GOOD_ENOUGH: Final = 0.01
"""Error of a free run over the spread of the outputs below which nothing is bad but the data."""

BETTER: Final = 1.4
"""As for steps and truncation, where a fit was tried from the start with others."""

MUCH_BETTER: Final = 3.0
"""Likewise for larger steps, by which many a healthy fit would learn faster."""

ANY_BETTER: Final = 1.2
"""As for too small a capacity, where the model can't even be fitted to short stretches."""
