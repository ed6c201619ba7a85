"""The kit itself: what it accepts, and what it leaves alone."""

import importlib
import pickle
import sys

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit.models import GRU
from seqfit.signals import RandomHold, UniformNoise
from seqfit.targets import Delay, SaturatedIntegral
from seqfit.testing import (
    LawViolation,
    check_model,
    check_signal,
    check_target,
    chunkings,
    lengths,
    losses,
    samples,
    seeds,
    stream_counts,
)


@attrs.frozen
class Doubling(SaturatedIntegral.__base__):
    def start(self, streams):
        return None

    def transform(self, x, state):
        return x.astype(np.float64) * 2, state


def test_a_violation_survives_pickling():
    violation = LawViolation("causality", Delay(2), "it looked", {"at": 3})
    copy = pickle.loads(pickle.dumps(violation))
    assert str(copy) == str(violation) == "causality: it looked (at=3)"
    assert (copy.law, copy.subject, copy.example) == ("causality", Delay(2), {"at": 3})


def test_a_violation_shows_small_arrays_and_measures_large_ones():
    example = {"x": np.float32([[[1.5]]]), "z": np.zeros((13, 1, 1)), "e": np.zeros((0, 2, 1))}
    assert str(LawViolation("law", None, "what", example)) == (
        "law: what (x=[[[1.5]]], z=array of shape (13, 1, 1), e=array of shape (0, 2, 1))"
    )


def test_the_same_violation_is_found_every_time():
    messages = set()
    for _ in range(2):
        with pytest.raises(LawViolation) as caught:
            check_target(Doubling())
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_a_class_in_place_of_an_instance_is_refused():
    with pytest.raises(TypeError, match="give an instance, not the class"):
        check_signal(UniformNoise)


def test_another_kind_of_component_is_refused():
    with pytest.raises(TypeError, match="expected a Target or a strategy of them"):
        check_target(UniformNoise())
    with pytest.raises(TypeError, match="expected a Target or a strategy of them"):
        check_target(st.builds(UniformNoise))


def test_bad_arguments_that_the_class_does_not_have_are_refused():
    with pytest.raises(ValueError, match="unexpected keyword argument 'probability'"):
        check_signal(RandomHold(), bad_arguments=[{"probability": 2.0}])


def test_checking_a_model_leaves_torch_as_it_was():
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    check_model(GRU(hidden=2, head=()), examples=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_without_hypothesis_the_error_names_the_extra(monkeypatch):
    for name in list(sys.modules):
        if name.startswith("seqfit.testing"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match=r"seqfit\[testing\]"):
        importlib.import_module("seqfit.testing")


class TestStrategies:
    @settings(max_examples=50, derandomize=True, database=None, deadline=None)
    @given(x=samples(2, min_length=1, max_length=40, dtype="float64"))
    def test_samples_have_time_streams_and_channels(self, x):
        time, streams, channels = x.shape
        assert 1 <= time <= 40
        assert 1 <= streams <= 4
        assert channels == 2
        assert x.dtype == np.float64
        assert np.abs(x).max() <= 4

    @settings(max_examples=50, derandomize=True, database=None, deadline=None)
    @given(chunks=chunkings(20))
    def test_chunkings_stay_within_their_limit(self, chunks):
        assert 1 <= len(chunks) <= 6
        assert min(chunks) >= 0
        assert sum(chunks) <= 20

    @settings(max_examples=50, derandomize=True, database=None, deadline=None)
    @given(length=lengths(5), streams=stream_counts(2), seed=seeds(), course=losses(max_size=3))
    def test_the_others_stay_within_theirs(self, length, streams, seed, course):
        assert 0 <= length <= 5
        assert streams in (1, 2)
        assert 0 <= seed < 2**63
        assert 1 <= len(course) <= 3
        assert min(course) >= 0
