"""State trees survive packing, copying and comparing."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seqfit import states

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.uint64, np.bool_]),
        hnp.array_shapes(min_dims=0, min_side=0),
    ),
)
trees = st.recursive(
    leaves,
    lambda branch: st.one_of(
        st.lists(branch, max_size=3),
        st.lists(branch, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), branch, max_size=3),
    ),
    max_leaves=8,
)


@given(trees)
def test_a_packed_tree_comes_back_bit_for_bit(tree):
    structure, arrays = states.pack(tree)
    assert states.same(states.unpack(json.loads(json.dumps(structure)), arrays), tree)


@given(trees)
def test_a_copy_is_the_same_and_shares_no_memory(tree):
    copied = states.copy(tree)
    assert states.same(copied, tree)
    _, arrays = states.pack(tree)
    _, copies = states.pack(copied)
    assert not any(np.shares_memory(arrays[name], copies[name]) for name in arrays)


def test_tensors_and_numpy_scalars_keep_their_type():
    tree = {"w": torch.arange(3.0), "n": np.float64(2.5), 0: (np.int64(1), float("nan"))}
    structure, arrays = states.pack(tree)
    back = states.unpack(structure, arrays)
    assert isinstance(back["w"], torch.Tensor)
    assert isinstance(back["n"], np.float64)
    assert states.same(back, tree)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, True),
        (1, 1.0),
        ((1,), [1]),
        ({"a": 1}, {"b": 1}),
        (np.zeros(2), np.zeros(3)),
        (np.zeros(2), np.zeros(2, np.float32)),
        (np.array([0.0]), np.array([-0.0])),
    ],
)
def test_what_differs_in_type_shape_or_bits_is_not_the_same(a, b):
    assert not states.same(a, b)


def test_keys_that_spell_the_same_path_stay_apart():
    tree = {"a.b": np.zeros(1), "a": {"b": np.ones(1)}}
    assert states.same(states.unpack(*states.pack(tree)), tree)


@pytest.mark.parametrize("leaf", [object(), {1.5: 1}, np.array([object()]), {"x": {1, 2}}])
def test_what_would_need_pickle_is_refused(leaf):
    with pytest.raises(TypeError):
        states.pack(leaf)


@pytest.mark.parametrize("structure", [{"array": "gone"}, {"code": 1}, [1], {}])
def test_a_structure_that_pack_did_not_make_is_refused(structure):
    with pytest.raises(ValueError, match="packed state"):
        states.unpack(structure, {})


@given(st.lists(st.tuples(st.integers(), st.text(max_size=3)), min_size=1, max_size=4))
def test_stacked_trees_come_back_one_by_one(plain):
    found = [{"h": (torch.full((2, 3), float(n)), n), "s": [text]} for n, text in plain]
    stacked = states.stack(found)
    assert states.same(states.unstack(stacked, len(found)), found)
    structure, arrays = states.pack(stacked)
    assert states.same(states.unstack(states.unpack(structure, arrays), len(found)), found)


@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_memory_layout_survives(make, axes):
    array = np.arange(24.0).reshape(2, 3, 4).transpose(axes)
    structure, arrays = states.pack({"a": make(array)})
    back = states.unpack(json.loads(json.dumps(structure)), arrays)["a"]
    assert np.asarray(back).strides == array.strides
    assert np.array_equal(np.asarray(back), array)


def test_axes_that_do_not_fit_are_refused():
    structure, arrays = states.pack(np.zeros((2, 3)).T)
    with pytest.raises(ValueError, match="axes"):
        states.unpack(structure | {"axes": [0, 0]}, arrays)
