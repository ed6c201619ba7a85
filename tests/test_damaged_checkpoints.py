"""Checkpoints that are damaged, foreign or forged: said by name, and the one before is taken."""

import json
import os
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy

from seqfit import Fitter, states
from seqfit.cli import main
from seqfit.cli.runs import RunFolder
from seqfit.fitting import (
    Callback,
    CheckpointError,
    Checkpoints,
    StopFitting,
    TorchOptimizer,
    load_latest,
    to_toml,
)
from seqfit.fitting.checkpoint import ENTRY, FORMAT, signed
from seqfit.models import RNN
from seqfit.schedules import EveryWindow
from seqfit.signals import RandomHold
from seqfit.targets import SampleHold, SaturatedIntegral


def fitter(callbacks=(), **parts):
    problem = {
        "target": SaturatedIntegral(), "model": RNN(2, head=()), "schedule": EveryWindow(10),
        "optimizer": TorchOptimizer("SGD", {"lr": 0.01}), "samples": 400, "engine": "windowed",
    }  # fmt: skip
    return Fitter(RandomHold(), callbacks=callbacks, **(problem | parts))


class StopAt300(Callback):
    every_update = False

    def wants(self, fitter):
        return fitter.report.samples >= 300

    def act(self, fitter):
        raise StopFitting


class Payload:
    """Writes a file wherever it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def opened(content):
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    return json.loads(metadata[ENTRY].partition("\n")[0]), safetensors.numpy.load(content)


def sealed(document, arrays):
    """A checkpoint made by hand, with a checksum that is right."""
    text = json.dumps(document)
    return safetensors.numpy.save(arrays, {ENTRY: signed(text, arrays)})


def with_header(content, change):
    """The same arrays under a changed header."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def newer(content):
    document, arrays = opened(content)
    return sealed(document | {"format": FORMAT + 1}, arrays)


def with_an_extra_tensor(content):
    document, arrays = opened(content)
    return sealed(document, arrays | {"payload": np.zeros(3)})


def without_a_tensor(content):
    document, arrays = opened(content)
    arrays.pop(max(arrays))
    return sealed(document, arrays)


def with_a_tensor_named_twice(content):
    document, arrays = opened(content)
    text = json.dumps(document["state"]).replace("exp_avg_sq", "exp_avg")
    text = text.replace('"course.target_state"', '"course.chance"')
    return sealed(document | {"state": json.loads(text)}, arrays)


def with_a_huge_tensor(content):
    def change(header):
        name = next(name for name in header if name != "__metadata__")
        header[name]["shape"], header[name]["data_offsets"] = [2**40, 2**20], [0, 2**62]

    return with_header(content, change)


def with_a_huge_header(content):
    return (2**50).to_bytes(8, "little") + content[8:]


def with_a_padding_changed(content):
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length].rstrip(b" ")
    return (len(header) + 2).to_bytes(8, "little") + header + b" \t" + content[8 + length :]


def nested_deep(content):
    document, arrays = opened(content)
    text = json.dumps(document)[:-1] + ', "more": ' + "[" * 100_000 + "]" * 100_000 + "}"
    return safetensors.numpy.save(arrays, {ENTRY: signed(text, arrays)})


def of_a_part_that_is_not_installed(content):
    return _with_experiment(content, "target", {"name": "os:system"})


def of_a_setting_that_is_wrong(content):
    return _with_experiment(content, "seed", -1)


def _with_experiment(content, name, value):
    document, arrays = opened(content)
    document["configuration"]["experiment"][name] = value
    return sealed(document, arrays)


def with_a_count_below_zero(content):
    return _with_state(content, '"updates", ', '"updates", -')


def with_positions_out_of_place(content):
    document, arrays = opened(content)
    name = "course.training.buffer.boundaries"
    return sealed(document, arrays | {name: arrays[name] + 1_000_000})


def with_a_short_target_state(content):
    document, arrays = opened(content)
    return sealed(document, arrays | {"course.target_state": np.zeros((0, 1))})


def with_a_chance_of_another_generator(content):
    document, arrays = opened(content)
    return sealed(document, arrays | {"course.chance": np.zeros(7, np.uint8)})


def _with_state(content, old, new):
    document, arrays = opened(content)
    text = json.dumps(document["state"])
    assert old in text
    return sealed(document | {"state": json.loads(text.replace(old, new))}, arrays)


def flipped(content):
    damaged = bytearray(content)
    damaged[-5] ^= 1
    return bytes(damaged)


DAMAGES = {
    "nothing": (lambda content: b"", "is not a seqfit checkpoint: it has 0 bytes"),
    "cut short": (lambda content: content[:-9], "is cut short: it has [0-9,]+ of [0-9,]+ bytes"),
    "cut in its header": (lambda content: content[:99], "is cut short: it has 99 of [0-9,]+ bytes"),
    "longer": (lambda content: content + b"more", "is damaged, or not a seqfit checkpoint"),
    "flipped": (flipped, "is damaged: its checksum is wrong"),
    "padding": (with_a_padding_changed, "its header is not what safetensors writes"),
    "newer": (newer, "has the checkpoint format 4, this seqfit reads 3"),
    "extra tensor": (with_an_extra_tensor, "the array 'payload' has no place in the packed state"),
    "missing tensor": (without_a_tensor, "names the array '[^']*', which is missing"),
    "tensor twice": (with_a_tensor_named_twice, "which is missing at this second place"),
    "huge tensor": (with_a_huge_tensor, "is cut short: it has [0-9,]+ of 4,611,686,[0-9,]+ bytes"),
    "huge header": (with_a_huge_header, "announce a header of 1,125,899,906,842,624"),
    "nested": (nested_deep, "is nested too deep"),
    "no such part": (of_a_part_that_is_not_installed, "no target is named 'os:system'"),
    "wrong setting": (of_a_setting_that_is_wrong, "seed must be an int from 0 .* got -1"),
    "count": (with_a_count_below_zero, "updates must be a number of samples or updates, got -30"),
    "positions": (with_positions_out_of_place, "samples, positions and states .* belong together"),
    "target state": (with_a_short_target_state, r"target's state has the shape \(0, 1\)"),
    "chance": (with_a_chance_of_another_generator, "does not fit its experiment"),
    "pickle": (lambda content: pickle.dumps(opened(content)), "is not a seqfit checkpoint"),
    "other model": (None, "is of another experiment: its model is {.*'hidden': 3"),
}  # fmt: skip


@pytest.fixture
def stopped(tmp_path):
    """A run that was stopped after 300 of 400 samples, with three checkpoints."""
    folder = RunFolder.create(
        tmp_path / "run", "run", "experiment.toml", to_toml(fitter().experiment)
    )
    checkpoints = folder.path / "checkpoints"
    fitter([Checkpoints(checkpoints, samples=100), StopAt300()]).fit()
    return folder.path


def newest_of(run):
    return run / "checkpoints" / "checkpoint-000000000300.safetensors"


def damage(run, name):
    """Damage the newest checkpoint; gives what is to be said of it."""
    change, message = DAMAGES[name]
    newest = newest_of(run)
    if change is None:
        fitter(model=RNN(3, head=())).fit(300).save(newest)
    else:
        newest.write_bytes(change(newest.read_bytes()))
    return message


@pytest.fixture(scope="module")
def expected():
    return dict(fitter().fit().module.state_dict())


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_wrong_is_said_and_the_one_before_is_taken(name, stopped, expected):
    message = damage(stopped, name)
    resumed, damaged = load_latest(stopped / "checkpoints", experiment=fitter().experiment)
    assert len(damaged) == 1
    assert str(newest_of(stopped)) in str(damaged[0])
    with pytest.raises(CheckpointError, match=message):
        raise damaged[0]
    assert resumed.report.samples == 200
    assert states.same(dict(resumed.fit(200).module.state_dict()), expected)


@pytest.mark.parametrize("name", ["cut short", "other model", "pickle"])
def test_a_resumed_run_says_so_and_ends_with_the_same_weights(name, stopped, expected, capsys):
    message = damage(stopped, name)
    with pytest.raises(SystemExit) as end:
        main(["resume", str(stopped)])
    said = capsys.readouterr().err
    assert not end.value.code, said
    (line,) = [
        line for line in said.splitlines() if line.startswith("an older checkpoint is taken")
    ]
    assert str(newest_of(stopped)) in line
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(line)
    assert "going on after 200 samples" in said
    ended = Fitter.load(stopped / "fitter.safetensors")
    assert states.same(dict(ended.module.state_dict()), expected)


def test_where_no_checkpoint_can_be_read_that_is_an_error(stopped, capsys):
    for path in (stopped / "checkpoints").iterdir():
        path.write_bytes(b"no")
    with pytest.raises(SystemExit) as end:
        main(["resume", str(stopped)])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert f"error: {newest_of(stopped)} is not a seqfit checkpoint: it has 2 bytes" in said


def test_a_pickled_payload_is_never_run(stopped, tmp_path):
    trace = tmp_path / "trace"
    payload = pickle.dumps(Payload(trace))
    newest = newest_of(stopped)
    document, arrays = opened(newest.read_bytes())
    hidden = arrays | {"course.chance": np.frombuffer(payload, np.uint8)}
    for content in (payload, sealed(document, hidden), sealed(payload.decode("latin-1"), arrays)):
        newest.write_bytes(content)
        with pytest.raises(CheckpointError):
            Fitter.load(newest)
    assert not trace.exists()
    pickle.loads(payload)
    assert trace.exists()  # so it would have been seen


@pytest.mark.slow
def test_every_flipped_byte_of_a_fit_is_noticed(stopped):
    rng = random.Random(0)
    newest = newest_of(stopped)
    content = newest.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    body = rng.sample(range(header, len(content)), 200)
    with newest.open("r+b", buffering=0) as file:
        for position in [*range(header), *body]:
            os.pwrite(file.fileno(), bytes([content[position] ^ rng.randint(1, 255)]), position)
            with pytest.raises(CheckpointError, match=newest.name):
                Fitter.load(newest)
            os.pwrite(file.fileno(), content[position : position + 1], position)
    assert newest.read_bytes() == content
    Fitter.load(newest)


def test_a_fit_cut_short_anywhere_says_so(stopped):
    rng = random.Random(0)
    newest = newest_of(stopped)
    content = newest.read_bytes()
    for length in rng.sample(range(8, len(content)), 100):
        newest.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match=f"is cut short: it has {length:,} of"):
            Fitter.load(newest)


def mounted(folder, options):
    """Mount a small file system in memory, where the system lets us; else the test is skipped."""
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs the right to mount")


def test_a_full_disk_is_said_and_what_was_there_can_be_gone_on_from(tmp_path, expected):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted(disk, "size=64k")
    try:
        checkpoints = Checkpoints(disk, samples=100)
        fitter([checkpoints, StopAt300()]).fit(200)
        room = os.statvfs(disk)
        (disk / "filler").write_bytes(bytes((room.f_bavail - 1) * room.f_bsize))
        resumed, _ = load_latest(disk, callbacks=(checkpoints,))
        name = str(disk / "checkpoint-000000000300.safetensors")
        with pytest.raises(OSError, match=f"No space left on device: '{name}'"):
            resumed.fit(200)
        again, damaged = load_latest(disk)
        assert not damaged
        assert sorted(path.name for path in disk.iterdir()) == [
            "checkpoint-000000000100.safetensors", "checkpoint-000000000200.safetensors", "filler"
        ]  # fmt: skip
        assert states.same(dict(again.fit(200).module.state_dict()), expected)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_read_only_disk_is_said_by_the_command(stopped, capsys):
    mounted(stopped / "checkpoints", "size=64k")
    try:
        fitter([Checkpoints(stopped / "checkpoints", samples=100), StopAt300()]).fit()
        command = ["mount", "-o", "remount,ro", str(stopped / "checkpoints")]
        subprocess.run(command, check=True)
        with pytest.raises(SystemExit) as end:
            main(["resume", str(stopped), "--checkpoint-every", "50"])
        assert end.value.code == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith(f"error: {stopped / 'checkpoints'}/checkpoint-0000000003")
        assert said.endswith(".safetensors: Read-only file system")
        assert load_latest(stopped / "checkpoints")[0].report.samples == 300
    finally:
        subprocess.run(["umount", str(stopped / "checkpoints")], check=True)


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX's")
def test_a_write_that_fails_in_its_middle_leaves_the_older_file(tmp_path):
    """As on a full disk, without the right to make one: a file may be 4 KiB long at most."""
    path = tmp_path / "fit"
    fitter().fit(100).save(path)
    before = path.read_bytes()
    code = (
        "import resource, sys\n"
        "from seqfit import Fitter\n"
        "fit = Fitter.load(sys.argv[1]).fit(100)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    fit.save(sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == f"[Errno 27] File too large: '{path}'"
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_states_of_compiled_targets_are_checked_before_they_are_used(tmp_path):
    """Compiled code would write wherever a state of the wrong length leads it."""
    fitter(target=SampleHold(3)).fit(50).save(tmp_path / "fit")
    document, arrays = opened((tmp_path / "fit").read_bytes())
    assert arrays["course.target_state"].shape == (2, 1, 1)
    arrays["course.target_state"] = np.zeros((1, 1, 1))
    (tmp_path / "fit").write_bytes(sealed(document, arrays))
    with pytest.raises(CheckpointError, match=r"target's state has the shape \(1, 1, 1\)"):
        Fitter.load(tmp_path / "fit")
