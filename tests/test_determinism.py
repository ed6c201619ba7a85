"""What docs/determinism.md states: each line of it names a test, and some of them are here."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from seqfit import Fitter, plugins, states
from seqfit.fitting import Callback, Checkpoints
from seqfit.fitting.checkpoint import read_checkpoint
from seqfit.models import RNN
from seqfit.schedules import Replay, TruncatedBPTT
from seqfit.signals import RandomHold, Signal
from seqfit.targets import Noisy, SaturatedIntegral

ROOT = Path(__file__).parents[1]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/determinism.md").read_text())


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_line_names_a_test_that_is_there(file, name):
    assert re.search(rf"^ *def {name}\(", (ROOT / file).read_text(), flags=re.MULTILINE)


def test_every_statement_has_its_test():
    stated = [
        line for line in (ROOT / "docs/determinism.md").read_text().splitlines() if "| `" in line
    ]
    assert len(stated) == len(NAMED) >= 10


class Told(Callback):
    """Told of each update."""


class ToldSeldom(Callback):
    every_update = False


def fitter(callbacks=(), **parts):
    defaults = {"model": RNN(hidden=4, head=()), "schedule": TruncatedBPTT(5, 20, streams=2)}
    target = Noisy(SaturatedIntegral())
    return Fitter(RandomHold(), target, callbacks=callbacks, **(defaults | parts))


def weights(fitted):
    return dict(fitted.module.state_dict())


def digest(fitted, folder):
    """Of the file in which the fit is saved, every byte of it."""
    path = Path(folder) / "fitter.safetensors"
    fitted.save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_another_process_gives_the_same_bits(tmp_path):
    code = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('here', sys.argv[1])\n"
        "here = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(here)\n"
        "print(here.digest(here.fitter().fit(3000), sys.argv[2]))\n"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", code, __file__, str(tmp_path)],
        env=os.environ | {"PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout.strip() == digest(fitter().fit(3000), tmp_path)


def test_what_only_looks_changes_nothing(tmp_path):
    plain = fitter().fit(40_000)
    watched = fitter([Checkpoints(tmp_path, samples=5000)])
    for _ in range(4):
        watched.fit(10_000)
        watched.evaluate(500)
        watched.predict(np.zeros(30))
        watched.predictor()(0.5)
    assert states.same(weights(watched), weights(plain))
    assert watched.loss_curve == plain.loss_curve


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"engine": "windowed"},
        {"schedule": Replay(TruncatedBPTT(3, 9, loss_on="all"), capacity=60, passes=2)},
    ],
    ids=str,
)
def test_updates_one_by_one_are_updates_many_at_a_time(parts):
    one_by_one = fitter([Told()], **parts).fit(2000)
    many = fitter([ToldSeldom()], **parts).fit(2000)
    assert states.same(weights(one_by_one), weights(many))
    assert one_by_one.loss_curve == many.loss_curve


@pytest.mark.parametrize("name", plugins.names("signals"))
def test_a_stream_does_not_see_the_others_nor_its_chunks(name):
    if name in ("recorded", "beside"):
        pytest.skip("it needs settings, see tests/laws")
    signal: Signal = plugins.load("signals", name)()
    many, _ = signal.generate(signal.start(9, 3), 200)
    state, chunks = signal.start(8, 3), []
    for length in (1, 0, 66, 133):
        chunk, state = signal.generate(state, length)
        chunks.append(chunk)
    few = np.concatenate(chunks)
    np.testing.assert_array_equal(few[:, 7], many[:, 7])


def test_a_change_of_engine_changes_the_rounding_alone(tmp_path):
    parts = {"dtype": "float64"}
    fitter(engine="eager", **parts).fit(300).save(tmp_path / "fit")
    expected = weights(fitter(engine="eager", **parts).fit(600))
    for engine in ("windowed", "auto"):
        found = weights(Fitter.load(tmp_path / "fit", engine=engine).fit(300))
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-10)


def test_the_files_of_equal_fits_hold_the_same(tmp_path):
    for name in ("a", "b"):
        fitter().fit(500).save(tmp_path / name)
    assert states.same(*(read_checkpoint(tmp_path / name) for name in ("a", "b")))
