"""Controllers against their source and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit.targets import PID, Memory
from seqfit.testing import samples

numbers = st.floats(-3, 3)
few = settings(max_examples=60, derandomize=True, database=None, deadline=None)


@few
@given(
    x=samples(2, dtype="float64"),
    kp=numbers,
    ki=numbers,
    kd=numbers,
    h=st.floats(0.1, 2),
    tf=st.floats(0, 5),
    tt=st.floats(2, 20),
    b=st.floats(0, 1),
    low=st.floats(-3, 0),
)
def test_pid_is_the_pseudocode_of_its_source(outputs, x, kp, ki, kd, h, tf, tt, b, low):
    bi, ad, bd, br = ki * h, tf / (tf + h), kd / (tf + h), h / tt
    expected = np.empty(x.shape[:2])
    for stream in range(x.shape[1]):
        i = d = y_old = 0.0
        for t, (r, y) in enumerate(x[:, stream]):
            p = kp * (b * r - y)
            d = ad * d - bd * (y - y_old)
            v = p + i + d
            u = np.clip(v, low, 1)
            i += bi * (r - y) + br * (u - v)
            y_old, expected[t, stream] = y, u
    actual = outputs(PID(kp, ki, kd, h, tf, tt, b, low, 1), x)[..., 0]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9)


def test_within_its_bounds_a_pi_controller_integrates_the_error(outputs):
    error = np.random.default_rng(0).normal(size=(100, 1, 1))
    x = np.concatenate([error, np.zeros_like(error)], axis=2)  # setpoint and measurement
    u = outputs(PID(2, 0.3, 0, 0.5, low=-1e3, high=1e3), x)
    before = np.cumsum(error, axis=0) - error
    np.testing.assert_allclose(u, 2 * error + 0.3 * 0.5 * before, atol=1e-12)


def test_it_holds_a_process_of_order_one_at_its_setpoint():
    target = PID(proportional=2, integral=0.2, derivative=0)
    level, state = 0.0, target.start(1)
    for _ in range(500):
        u, state = target.transform(np.array([[[0.6, level]]]), state)
        level += 0.1 * (u.item() - level)
    assert level == pytest.approx(0.6, abs=1e-6)


def test_anti_windup_leaves_the_bound_soon(outputs):
    # A setpoint out of reach for 200 samples, then one that asks for less.
    setpoint = np.repeat([5.0, -0.5], [200, 100])
    x = np.stack([setpoint, np.zeros(300)], axis=1)[:, None]
    u = outputs(PID(derivative=0, tracking_time=1), x).ravel()
    assert u[199] == 1.0
    assert u[205] < 0
    wound_up = outputs(PID(derivative=0, tracking_time=1e9), x).ravel()
    assert wound_up[299] == 1.0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PID(high=-1), "high must be above low=-1.0, got -1"),
        (
            lambda: PID(tracking_time=0.5),
            "tracking_time must be at least sampling_time=1.0, got 0.5",
        ),
        (lambda: PID(sampling_time=0), "sampling_time must be a positive, finite number, got 0"),
        (lambda: PID().outputs(1), "PID takes 2 input channels, got 1"),
    ],
)
def test_a_bad_argument_is_named_with_its_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_memory_and_whether_an_output_tells_the_state_are_declared():
    assert PID().memory == Memory.INFINITE
    assert PID().output_determines_state is False
