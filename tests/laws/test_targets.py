"""Filters, hysteresis and systems obey the laws whatever their parameters."""

import math

import attrs
import numpy as np
import pytest
from hypothesis import strategies as st

from seqfit.targets import (
    FIR,
    IIR,
    NARX,
    PID,
    BackCalculatedIntegral,
    BoucWen,
    BoucWenOscillator,
    Butterworth,
    CascadedTanks,
    ClippedSum,
    DeadZoneIntegral,
    Duffing,
    FilteredDerivative,
    Hammerstein,
    PiecewiseLinear,
    Polynomial,
    PrandtlIshlinskii,
    Preisach,
    ResettableIntegral,
    Saturation,
    Sigmoid,
    Term,
    Wiener,
    WienerHammerstein,
)
from seqfit.testing import check_target

numbers = st.floats(-3, 3)
lows = st.floats(-3, 0)
highs = st.floats(0.125, 3)
positives = st.floats(0.01, 3)
shares = st.floats(0, 1)
limits = {"gain": numbers, "offset": numbers, "low": lows, "high": highs}
inside = limits | {"initial": st.just(0.0)}


@st.composite
def sections(draw):
    """A second-order section with poles of a radius below 0.99."""
    one, other = draw(st.floats(-0.99, 0.99)), draw(st.floats(-0.99, 0.99))
    angle = draw(st.none() | st.floats(0, math.pi))
    a1 = -(one + other) if angle is None else -2 * one * math.cos(angle)
    a2 = one * other if angle is None else one * one
    return (draw(numbers), draw(numbers), draw(numbers), 1.0, a1, a2)


@st.composite
def preisachs(draw):
    levels = draw(st.integers(1, 12))
    rows = st.tuples(*(st.tuples(*[numbers] * (row + 1)) for row in range(levels)))
    return Preisach(levels, draw(lows), draw(highs), draw(st.none() | rows))


@st.composite
def bouc_wens(draw):
    beta = draw(st.floats(0, 2))
    loose = BoucWen(
        rise=draw(st.floats(0.2, 2)),
        beta=beta,
        gamma=draw(st.floats(max(0.2 - beta, -2), 2)),
        exponent=draw(st.sampled_from([1, 1.5, 2, 3])),
        ratio=draw(st.just(0.0) | shares),
        stiffness=draw(numbers),
        step=1e-6,
    )
    return attrs.evolve(loose, step=draw(st.floats(0.1, 0.25)) / loose.steepness)


@st.composite
def tables(draw):
    points = draw(st.lists(numbers, min_size=2, max_size=6, unique=True).map(sorted))
    size = len(points)
    return PiecewiseLinear(points, draw(st.lists(numbers, min_size=size, max_size=size)))


exponents = st.lists(st.integers(0, 2), max_size=3)
terms = st.builds(Term, numbers, exponents, exponents)
coefficients = st.lists(numbers, min_size=1, max_size=8)
iirs = st.builds(IIR, st.lists(sections(), min_size=1, max_size=3))
statics = (
    st.builds(Polynomial, coefficients)
    | st.builds(Saturation, lows, highs)
    | st.builds(Sigmoid, numbers, positives)
    | tables()
)
butterworths = st.builds(
    Butterworth,
    order=st.integers(1, 8),
    passes=st.sampled_from(["low", "high"]),
    edges=st.floats(0.01, 0.49),
) | st.builds(
    Butterworth,
    order=st.integers(1, 5),
    passes=st.just("band"),
    edges=st.tuples(st.floats(0.01, 0.2), st.floats(0.25, 0.49)),
)
EVERY = {
    "clipped_sum": (
        st.builds(ClippedSum, **limits, initial=numbers),
        [{"low": 1.0}, {"gain": np.nan}, {"initial": "0"}],
    ),
    "back_calculated_integral": (
        st.builds(BackCalculatedIntegral, tracking=shares, **inside),
        [{"tracking": 1.5}, {"tracking": -0.1}, {"initial": 2.0}],
    ),
    "dead_zone_integral": (
        st.builds(DeadZoneIntegral, dead_zone=st.floats(0, 3), **inside),
        [{"dead_zone": -0.1}, {"high": 0.0}, {"initial": -1.0}],
    ),
    "fir": (
        st.builds(FIR, coefficients),
        [{"coefficients": []}, {"coefficients": 1.0}, {"coefficients": [np.inf]}],
    ),
    "iir": (
        iirs,
        [
            {"sections": []},
            {"sections": [1.0]},
            {"sections": [[1, 0, 0, 1, 0]]},
            {"sections": [[1, 0, 0, 2, 0, 0]]},
            {"sections": [[1, 0, 0, 1, -1, 0]]},
            {"sections": [[1, 0, 0, 1, 0, np.nan]]},
        ],
    ),
    "butterworth": (
        butterworths,
        [
            {"order": 0},
            {"order": 2.0},
            {"passes": "stop"},
            {"edges": 0.5},
            {"edges": [0.1, 0.2]},
            {"passes": "band"},
            {"passes": "band", "edges": [0.2, 0.1]},
        ],
    ),
    "filtered_derivative": (
        st.builds(
            FilteredDerivative,
            filter_time=st.just(0.0) | positives,
            sampling_time=positives,
            initial=numbers,
        ),
        [{"filter_time": -1.0}, {"sampling_time": 0.0}, {"initial": np.nan}],
    ),
    "prandtl_ishlinskii": (
        st.lists(st.tuples(positives, numbers), min_size=1, max_size=5).flatmap(
            lambda plays: st.builds(
                PrandtlIshlinskii, *(st.just(field) for field in zip(*plays, strict=True)), numbers
            )
        ),
        [{"widths": [0.0]}, {"widths": [1.0], "weights": [1.0, 2.0]}, {"linear": np.inf}],
    ),
    "preisach": (
        preisachs(),
        [
            {"levels": 0},
            {"levels": 1001},
            {"low": 1.0},
            {"levels": 2, "weights": [[1.0], [1.0]]},
            {"levels": 1, "weights": [[np.nan]]},
            {"weights": 1},
        ],
    ),
    "bouc_wen": (
        bouc_wens(),
        [
            {"rise": 0.0},
            {"beta": -1.0},
            {"gamma": -1.0},
            {"exponent": 0.5},
            {"ratio": 1.1},
            {"step": 0.0},
            {"step": 1.0},
        ],
    ),
    "static nonlinearity": (statics, ()),
    "narx": (
        st.builds(NARX, st.lists(terms, min_size=1, max_size=5), limit=st.floats(0.5, 10)),
        [{"terms": []}, {"terms": [1.0]}, {"limit": 0.0}],
    ),
    "duffing": (
        st.builds(
            Duffing,
            mass=st.floats(0.5, 2),
            damping=st.floats(0, 1),
            stiffness=st.floats(-1, 1),
            cubic=st.floats(0.05, 0.5),
            sampling_time=st.floats(0.1, 0.5),
            substeps=st.integers(20, 30),
        ),
        [
            {"mass": 0.0},
            {"damping": -1.0},
            {"stiffness": -1.0, "cubic": 0.0},
            {"sampling_time": 0.0},
            {"substeps": 0},
            {"sampling_time": 20.0},
        ],
    ),
    "bouc_wen_oscillator": (
        st.builds(
            BoucWenOscillator,
            mass=st.floats(1, 3),
            damping=st.floats(0, 20),
            stiffness=st.floats(1e3, 1e5),
            rise=st.floats(1e3, 1e5),
            beta=st.floats(0, 1e3),
            gamma=st.floats(-1e3, 1e3),
            exponent=st.sampled_from([1, 1.5, 2]),
            substeps=st.integers(4, 8),
        ),
        [
            {"mass": -1.0},
            {"rise": 0.0},
            {"beta": -1.0},
            {"exponent": 0.0},
            {"substeps": 0},
            {"sampling_time": 0.1},
        ],
    ),
    "cascaded_tanks": (
        st.builds(
            CascadedTanks,
            pump=positives,
            upper_outlet=positives,
            passage=positives,
            lower_outlet=positives,
            caught=shares,
            upper_height=st.floats(0.5, 10),
            lower_height=st.floats(0.5, 10),
            upper_initial=st.floats(0, 0.5),
            lower_initial=st.floats(0, 0.5),
            sampling_time=st.floats(0.1, 10),
            substeps=st.integers(1, 10),
        ),
        [
            {"pump": 0.0},
            {"caught": 1.5},
            {"upper_initial": 11.0},
            {"lower_initial": -1.0},
            {"substeps": 1.5},
        ],
    ),
}
BLOCKS = {
    "wiener": (
        st.builds(Wiener, iirs, statics),
        [{"linear": 1}, {"nonlinearity": FIR()}, {"nonlinearity": None}],
    ),
    "hammerstein": (st.builds(Hammerstein, statics, iirs), [{"nonlinearity": ClippedSum()}]),
    "wiener_hammerstein": (
        st.builds(WienerHammerstein, iirs, statics, butterworths),
        [{"front": 1}, {"nonlinearity": IIR()}, {"back": None}],
    ),
}


@pytest.mark.parametrize(("targets", "bad_arguments"), EVERY.values(), ids=EVERY.keys())
def test_obey_the_laws_whatever_their_parameters(targets, bad_arguments):
    check_target(targets, bad_arguments=bad_arguments)


@pytest.mark.parametrize(("targets", "bad_arguments"), BLOCKS.values(), ids=BLOCKS.keys())
def test_blocks_obey_the_laws_whatever_they_are(targets, bad_arguments):
    check_target(targets, bad_arguments=bad_arguments, examples=8)


@pytest.mark.parametrize(
    ("targets", "bad_arguments"),
    [
        (
            st.builds(ResettableIntegral, **inside, threshold=numbers),
            [{"initial": 2.0}, {"threshold": np.inf}, {"high": -1.0}],
        ),
        (
            st.builds(
                PID,
                proportional=numbers,
                integral=numbers,
                derivative=numbers,
                sampling_time=positives,
                filter_time=st.just(0.0) | positives,
                tracking_time=st.floats(3, 10),
                setpoint_weight=shares,
                low=lows,
                high=highs,
            ),
            [
                {"sampling_time": 0.0},
                {"filter_time": -1.0},
                {"tracking_time": 0.5},
                {"low": 1.0},
                {"proportional": None},
            ],
        ),
    ],
    ids=["resettable_integral", "pid"],
)
def test_those_of_two_channels_obey_the_laws(targets, bad_arguments):
    check_target(targets, inputs=2, bad_arguments=bad_arguments)


@pytest.mark.parametrize(
    "target",
    [
        ClippedSum(),
        BackCalculatedIntegral(),
        DeadZoneIntegral(),
        FIR(),
        IIR(),
        Butterworth(),
        FilteredDerivative(),
        PrandtlIshlinskii(),
        Preisach(5),
        BoucWen(),
        BoucWenOscillator(),
        Polynomial(),
        NARX(),
        WienerHammerstein(),
        Duffing(),
        CascadedTanks(),
    ],
    ids=repr,
)
def test_take_several_channels(target):
    check_target(target, inputs=3, examples=5)
