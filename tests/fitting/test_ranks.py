"""Fits on several ranks: real processes, started by torchrun."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from seqfit import Fitter, states
from seqfit.fitting import CheckpointError, LevenbergMarquardt, Ranks
from seqfit.fitting.checkpoint import read_checkpoint
from seqfit.fitting.source import SampleSource
from seqfit.models import GRU, OutputFeedback
from seqfit.recordings import Recording, pair
from seqfit.schedules import EveryWindow
from seqfit.signals import RandomHold
from seqfit.streams import IndivisibleError, join, leaves, stream_axes, take
from seqfit.targets import SaturatedIntegral

WORKER = Path(__file__).with_name("rank_worker.py")
_spec = importlib.util.spec_from_file_location(WORKER.stem, WORKER)
rank_worker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rank_worker)
NAMES = list(rank_worker.CASES)
TOLERANCES = {"float32": 1e-5, "float64": 1e-9}


def torchrun(count, *arguments, script=WORKER):
    """Run a script in so many processes."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}"]
    environment = os.environ | {
        "PYTHONWARNINGS": "error::UserWarning:seqfit",
        "OMP_NUM_THREADS": "1",
    }
    ended = subprocess.run(
        [*command, str(script), *map(str, arguments)],
        capture_output=True, text=True, check=False, env=environment, timeout=500,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:] + ended.stdout[-1000:]
    return ended.stdout


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Files of 1, 2 and 4 ranks; each went on from the checkpoints of the one before it too."""
    folder = tmp_path_factory.mktemp("ranks")
    for name in ("1", "2", "4", "2 again"):
        (folder / name).mkdir()
    for name in NAMES:
        half, whole = rank_worker.samples(name)
        fitted = rank_worker.fitter(name).fit(half)
        fitted.save(folder / "1" / f"{name}.half")
        fitted.fit(whole - half).save(folder / "1" / f"{name}.end")
    torchrun(2, folder / "2", folder / "1")
    torchrun(4, folder / "4", folder / "2")
    torchrun(2, folder / "2 again", folder / "4")
    return folder


def load(path, name):
    return Fitter.load(path, **rank_worker.parts_to_give(name))


def distance(a, b):
    """Of the weights of two fits, relative to their norm."""
    a, b = (torch.cat([p.detach().flatten() for p in f.module.parameters()]) for f in (a, b))
    return float((a - b).norm() / b.norm())


@pytest.mark.slow
class TestLaws:
    """The worker checks on each rank that the same count gives the same bits, resumed too."""

    @pytest.mark.parametrize("count", ["2", "4"])
    @pytest.mark.parametrize("name", NAMES)
    def test_the_same_streams_give_the_same_weights_on_any_number_of_ranks(
        self, folders, name, count
    ):
        alone, together = (load(folders / c / f"{name}.end", name) for c in ("1", count))
        assert alone.report.updates == together.report.updates == rank_worker.UPDATES
        assert distance(together, alone) <= TOLERANCES[alone.dtype]
        np.testing.assert_allclose(together.loss_curve, alone.loss_curve, rtol=1e-5)

    @pytest.mark.parametrize("path", ["2/{}.resumed", "4/{}.resumed", "2 again/{}.resumed"])
    @pytest.mark.parametrize("name", NAMES)
    def test_a_checkpoint_is_resumed_on_another_number_of_ranks(self, folders, name, path):
        """1 by 2, 2 by 4, and 4 by 2."""
        alone = load(folders / "1" / f"{name}.end", name)
        resumed = load(folders / path.format(name), name)
        assert resumed.report.samples == alone.report.samples
        assert distance(resumed, alone) <= TOLERANCES[alone.dtype]

    @pytest.mark.parametrize("count", ["2", "4"])
    @pytest.mark.parametrize("name", NAMES)
    def test_a_checkpoint_is_resumed_by_one_process(self, folders, name, count):
        alone = load(folders / "1" / f"{name}.end", name)
        resumed = rank_worker.go_on(folders / count / f"{name}.half", name)
        assert distance(resumed, alone) <= TOLERANCES[alone.dtype]

    @pytest.mark.parametrize("name", NAMES)
    def test_another_job_of_as_many_ranks_gives_the_same_bits(self, folders, name):
        first, again = (load(folders / c / f"{name}.end", name) for c in ("2", "2 again"))
        assert states.same(rank_worker.weights(first), rank_worker.weights(again))

    @pytest.mark.parametrize("name", NAMES)
    def test_ranks_write_what_one_process_would(self, folders, name):
        """The same tree, equal but for the rounding of numbers that were summed."""
        (content, alone), (other, together) = (
            read_checkpoint(folders / count / f"{name}.half") for count in ("1", "4")
        )
        assert content["experiment"] == other["experiment"]
        structures, arrays = zip(*(states.pack(tree) for tree in (alone, together)), strict=True)
        for part in ("signal_state", "target_state", "asked", "generated", "given"):
            assert states.same(alone["course"][part], together["course"][part]), part
        assert structures[0].keys() == structures[1].keys()
        assert arrays[0].keys() == arrays[1].keys()
        for key, array in arrays[0].items():
            assert array.shape == arrays[1][key].shape, key
            assert array.dtype == arrays[1][key].dtype, key
        buffers = [tree["course"]["training"]["buffer"] for tree in (alone, together)]
        for samples in ("x", "y"):
            assert states.same(buffers[0][samples], buffers[1][samples])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_every_stream_is_run_by_one_rank(count):
    shares = [Ranks(number, count).share(7) for number in range(count)]
    assert [stream for share in shares for stream in share] == list(range(7))
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_rank_generates_its_own_streams_as_all_would(name):
    whole = rank_worker.fitter(name)
    x, y = whole._course.source.take(50)
    for number in range(3):
        own = Ranks(number, 3).share(rank_worker.STREAMS)
        parts = whole.signal, whole.target, rank_worker.STREAMS, whole.seed
        source = SampleSource.start(*parts, whole.dtype, whole.missing, own)
        assert (source.axes is None) == (not whole.signal.divisible)
        for stretch in (slice(0, 20), slice(20, 50)):
            mine = source.take(stretch.stop - stretch.start)
            for found, all_of_it in zip(mine, (x, y), strict=True):
                np.testing.assert_array_equal(found, all_of_it[stretch, own.start : own.stop])


def test_recorded_streams_are_divided():
    rows = np.random.default_rng(0).normal(size=(40, 3))
    signal, target = pair(Recording({"u": rows, "y": rows**2}), "u", "y")
    x, y = SampleSource.start(signal, target, 3, 0, "float64", "error", range(1, 3)).take(40)
    np.testing.assert_allclose(x[..., 0], rows[:, 1:], rtol=1e-6)
    np.testing.assert_allclose(y[..., 0], rows[:, 1:] ** 2, rtol=1e-6)


class TestStates:
    def test_parts_of_a_state_make_it_again_and_lie_in_memory_as_it_did(self):
        def state(streams):
            lying = np.arange(streams * 6.0).reshape(3, streams, 2).transpose(2, 1, 0)
            return {"a": lying, "b": (range(streams), [torch.ones(2, streams)]), "c": 7}

        axes = stream_axes(state(1), state(2))
        assert axes == {"a": 1, "b": [0, [1]], "c": None}
        whole = state(5)
        parts = [take(whole, axes, share, 5) for share in (range(3), range(3, 5))]
        assert parts[1]["b"][0] == range(3, 5)
        assert parts[0]["a"].strides[0] < parts[0]["a"].strides[2]
        together = join(parts[0], axes, [leaves(part, axes) for part in parts])
        assert states.same(together, whole)
        assert together["a"].strides == whole["a"].strides

    @pytest.mark.parametrize(
        ("one", "two"),
        [(1, 2), ([1], [1, 1]), (np.ones(3), np.ones(6)), ({"a": None}, {"b": None}), (1.0, None)],
        ids=str,
    )
    def test_what_does_not_tell_its_streams_can_not_be_divided(self, one, two):
        with pytest.raises(IndivisibleError, match="for one stream, and"):
            stream_axes(one, two)

    def test_a_state_of_more_streams_is_refused(self):
        with pytest.raises(TypeError, match="must be of 3 streams, got one of 4"):
            take({"a": np.ones(4)}, {"a": 0}, range(2), 3)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"schedule": EveryWindow(5)},
            "2 ranks need at least 2 streams, the schedule runs 1;",
        ),
        (
            {"model": OutputFeedback(), "optimizer": LevenbergMarquardt()},
            "LevenbergMarquardt solves in one process, there are 2 ranks",
        ),
        ({"engine": "compiled", "loss": torch.dist}, "does not know the loss dist"),
    ],
    ids=["streams", "solver", "compiled"],
)
def test_what_ranks_can_not_do_is_said(parts, message):
    problem = {"model": GRU(hidden=3), "schedule": EveryWindow(5, streams=2)} | parts
    with pytest.raises(ValueError, match=message):
        Fitter(RandomHold(), SaturatedIntegral(), ranks=Ranks(0, 2), **problem)


def test_auto_says_why_it_does_not_take_the_fastest():
    model, schedule = GRU(hidden=3), EveryWindow(5, streams=2)
    fitter = Fitter(RandomHold(), SaturatedIntegral(), model, schedule, ranks=Ranks(1, 2))
    assert fitter.report.engine == (
        "compiled gradients (2 ranks sum gradients, compiled makes whole updates)"
    )


LEAVING = """
import sys
from pathlib import Path
import torch
from seqfit.fitting import joined

with joined() as ranks:
    torch.optim.Adam([torch.ones(1)])  # imports much of torch while the group is there
    ranks.sum(torch.ones(1))
threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
sys.stdout.write(f"threads of gloo: {[name for name in threads if 'gloo' in name]}\\n")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="finds the threads in /proc")
def test_no_thread_of_the_group_outlives_it(tmp_path):
    """One that does may abort the process at its end, when the job is done."""
    script = tmp_path / "leaving.py"
    script.write_text(LEAVING)
    assert torchrun(2, script=script).count("threads of gloo: []\n") == 2


def test_a_checkpoint_of_other_streams_is_refused(tmp_path):
    """Its numbers of streams are not believed."""
    model, schedule = GRU(hidden=3), EveryWindow(5, streams=2)
    fitter = Fitter(RandomHold(), SaturatedIntegral(), model, schedule)
    fitter._course.source.signal_state |= {"streams": range(10**15, 10**15 + 2)}
    fitter.save(tmp_path / "fit")
    with pytest.raises(CheckpointError, match="the signal's state.streams must be range"):
        Fitter.load(tmp_path / "fit")
