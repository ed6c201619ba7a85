"""Statistics of windows against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit.targets import MovingStatistic
from seqfit.testing import samples


@pytest.mark.parametrize(
    ("statistic", "of"), [("mean", np.mean), ("maximum", np.max), ("minimum", np.min)]
)
@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(x=samples(2, dtype="float64"), window=st.integers(1, 40))
def test_a_moving_statistic_is_that_of_the_last_inputs(outputs, statistic, of, x, window):
    expected = np.empty_like(x)
    for t in range(len(x)):
        expected[t] = of(x[max(0, t - window + 1) : t + 1], axis=0)
    actual = outputs(MovingStatistic(statistic, window), x)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-13)


def test_the_mean_of_a_window_keeps_nothing_of_what_has_left_it(outputs):
    x = np.float64([1e16, 1.0, 1.0, 1.0]).reshape(-1, 1, 1)
    np.testing.assert_array_equal(outputs(MovingStatistic(window=2), x).ravel()[2:], [1, 1])


def test_an_unknown_statistic_is_refused():
    with pytest.raises(ValueError, match="must be one of mean, maximum, minimum, got 'median'"):
        MovingStatistic("median")
