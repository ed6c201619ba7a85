"""Random combinations of targets obey the laws of targets, however deep."""

import pytest
from hypothesis import strategies as st

from seqfit.targets import (
    NARMA,
    Adding,
    Beside,
    Chain,
    Channels,
    Copy,
    Counter,
    Delay,
    EchoSum,
    FlipFlop,
    LeakyIntegral,
    Noisy,
    Play,
    Product,
    Quantiser,
    SaturatedIntegral,
    Sum,
    Switch,
    Threshold,
)
from seqfit.testing import check_target

gains = st.floats(-0.5, 0.5, width=32)
leaves = st.one_of(  # of one input, with one output
    st.builds(SaturatedIntegral, gain=gains, offset=gains),
    st.builds(LeakyIntegral, leak=st.floats(0, 1), gain=gains, initial=gains),
    st.builds(Delay, samples=st.integers(0, 20), initial=gains),
    st.builds(Play, width=st.floats(0.125, 2), initial=gains),
    st.builds(EchoSum, offset=gains, delays=st.tuples(st.integers(0, 9), st.integers(0, 9))),
    st.builds(NARMA, order=st.integers(1, 5)),
    st.builds(Quantiser, step=st.floats(0.125, 2)),
    st.builds(Threshold, threshold=gains),
    st.builds(FlipFlop, bits=st.just(1), threshold=st.floats(0.125, 2)),
)
of_two_inputs = st.sampled_from([Adding(), Counter(), Copy(3, 1)])


def combined(targets):
    several = st.lists(targets, min_size=1, max_size=3)
    return st.one_of(
        several.map(Chain),
        several.map(Sum),
        several.map(Product),
        several.map(lambda parts: Channels([0, 0]) >> Switch(parts)),
        st.builds(lambda a, b, last: Beside([a, b]) >> last, targets, targets, of_two_inputs),
        st.builds(Noisy, targets, deviation=st.floats(0, 1), seed=st.integers(0, 2**63 - 1)),
    )


@pytest.mark.slow
def test_combinations_of_combinations_obey_the_laws():
    targets = st.recursive(leaves, combined, max_leaves=6)
    check_target(targets, examples=30)
