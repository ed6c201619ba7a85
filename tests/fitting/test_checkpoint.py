"""Checkpoints: whole or not at all, and never code."""

import json
import os
import pickle

import numpy as np
import pytest
import safetensors.numpy

from seqfit import Fitter, states
from seqfit.fitting.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from seqfit.models import RNN
from seqfit.schedules import EveryWindow
from seqfit.signals import RandomHold
from seqfit.targets import SaturatedIntegral

TREE = {"a": np.arange(6.0).reshape(2, 3).T, "n": (1, None, "x", float("inf")), 3: [np.int8(4)]}


def test_a_checkpoint_gives_back_what_was_written(tmp_path):
    write_checkpoint(tmp_path / "c", {"k": [1, 2]}, TREE)
    configuration, tree = read_checkpoint(tmp_path / "c")
    assert configuration == {"k": [1, 2]}
    assert states.same(tree, TREE)


def test_every_flipped_byte_is_noticed(tmp_path):
    path = tmp_path / "c"
    write_checkpoint(path, {}, {"a": np.arange(3.0)})
    content = path.read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x20
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=str(path)):
            read_checkpoint(path)


def test_a_truncated_file_is_no_checkpoint(tmp_path):
    path = tmp_path / "c"
    write_checkpoint(path, {}, TREE)
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="c is"):
            read_checkpoint(path)


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "c"
    path.write_bytes(pickle.dumps(os.getcwd))
    with pytest.raises(CheckpointError, match="not a seqfit checkpoint"):
        read_checkpoint(path)
    safetensors.numpy.save_file({"w": np.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="not a seqfit checkpoint"):
        read_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="no file at"):
        read_checkpoint(tmp_path / "gone")


def test_a_newer_format_says_so(tmp_path):
    document = json.dumps({"format": 99, "configuration": {}, "state": None})
    safetensors.numpy.save_file({}, tmp_path / "c", {"seqfit": document})
    with pytest.raises(CheckpointError, match="format 99, this seqfit reads 3"):
        read_checkpoint(tmp_path / "c")


def test_a_failed_write_leaves_the_older_file_and_nothing_else(tmp_path):
    path = tmp_path / "c"
    write_checkpoint(path, {}, 1)
    with pytest.raises(TypeError):
        write_checkpoint(path, {"code": print}, 2)
    assert read_checkpoint(path)[1] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder at .*gone"):
        write_checkpoint(tmp_path / "gone" / "c", {}, 1)


def test_a_checkpoint_of_another_model_does_not_load(tmp_path):
    fitter = Fitter(RandomHold(), SaturatedIntegral(), RNN(hidden=3), EveryWindow())
    fitter.fit(10).save(tmp_path / "c")
    with pytest.raises(CheckpointError, match="does not fit its experiment"):
        Fitter.load(tmp_path / "c", model=RNN(hidden=4))
