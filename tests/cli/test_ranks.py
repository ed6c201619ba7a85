"""The command line under torchrun: what ranks say, and what is left when one of them is killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqfit import Fitter, states
from seqfit.cli import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc"),
]

DOCS = Path(__file__).parents[2] / "docs" / "scaling.md"
MODEL = [
    "--model", "gru:hidden=4,head=[]", "--schedule", "every_window:window=5,streams=3",
    "--samples", "12000", "--checkpoint-every", "450",
]  # fmt: skip


def torchrun(count, *arguments, options=(), program=("-m", "--", "seqfit")):
    """A job of so many ranks, which is not waited for."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}"]
    return subprocess.Popen(
        [*command, *options, *program, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
    )  # fmt: skip


def ended(job):
    """Its exit code, what it printed, and what it said on standard error."""
    out, err = job.communicate(timeout=300)
    return job.returncode, out, err


def process_of(job, rank):
    """The number of the process of a rank; None before it runs."""
    for child in Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split():
        try:
            environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"RANK={rank}".encode() in environment:
            return int(child)
    return None


def kill_in_mid_fit(job, rank, folder):
    """Kill a rank when a few checkpoints were taken."""
    deadline = time.monotonic() + 120
    while len(list(folder.glob("checkpoints/*.safetensors"))) < 2:
        assert job.poll() is None, ended(job)
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process_of(job, rank), signal.SIGKILL)


def fitted(folder):
    return Fitter.load(folder / "fitter.safetensors")


def weights(folder):
    return dict(fitted(folder).module.state_dict())


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory):
    """A run of two ranks without a stop, and what it printed."""
    folder = tmp_path_factory.mktemp("unkilled") / "run"
    return folder, ended(torchrun(2, "fit", *MODEL, "--run", folder, "--json"))


def test_only_the_first_rank_writes_and_prints(unkilled):
    folder, (code, out, err) = unkilled
    assert code == 0, err
    result = json.loads(out)
    assert result["samples"] == 12_000
    assert result["engine"].startswith("compiled gradients (2 ranks sum gradients")
    assert err.count("the run is in") == 1
    assert err.count("schedule  EveryWindow") == 1
    left = {path.name for path in folder.iterdir()} - {".lock", "fit.png"}
    assert left == {
        "experiment.toml",
        "metrics.csv",
        "time.json",
        "fitter.safetensors",
        "result.json",
    }


def test_a_killed_rank_ends_the_job_by_name_and_the_run_is_resumed(unkilled, tmp_path):
    folder = tmp_path / "run"
    job = torchrun(2, "fit", *MODEL, "--run", folder)
    kill_in_mid_fit(job, 1, folder)
    code, _, err = ended(job)
    assert code != 0
    root = err[err.index("Root Cause") :]
    assert re.search(r"rank\s*: 1 .*exitcode\s*: -9", root, re.DOTALL), err
    assert not (folder / "result.json").exists()
    done = Fitter.load(max(folder.glob("checkpoints/*.safetensors"))).report.samples
    assert 0 < done < 12_000
    code, _, err = ended(torchrun(2, "resume", folder, "--checkpoint-every", 450))
    assert code == 0, err
    assert err.count("going on after") == 1
    assert states.same(weights(folder), weights(unkilled[0]))


def test_torchrun_starts_the_ranks_again_where_one_was_killed(unkilled, tmp_path):
    folder = tmp_path / "run"
    job = torchrun(2, "fit", *MODEL, "--run", folder, options=["--max-restarts=1"])
    kill_in_mid_fit(job, 0, folder)
    code, _, err = ended(job)
    assert code == 0, err
    assert err.count("going on after") == 1
    assert states.same(weights(folder), weights(unkilled[0]))


def test_a_run_of_ranks_is_finished_by_one_process(tmp_path):
    folder = tmp_path / "run"
    job = torchrun(2, "fit", *MODEL, "--run", folder)
    kill_in_mid_fit(job, 0, folder)
    assert ended(job)[0] != 0
    with pytest.raises(SystemExit) as end:
        main(["resume", str(folder)])
    assert end.value.code in (None, 0)
    assert fitted(folder).report.samples == 12_000


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (["--recipe", "gru"], [], "2 ranks need at least 2 streams, the schedule runs 1"),
        ([], [], "the search for a recipe runs in one process, there are 2 ranks"),
        (MODEL, ["--max-restarts=1"], "--max-restarts needs --run"),
    ],
    ids=["streams", "search", "restarts"],
)
def test_what_ranks_can_not_do_is_said_once(arguments, options, message, tmp_path):
    options = [*options, f"--log-dir={tmp_path}"]
    code, _, err = ended(torchrun(2, "fit", *arguments, options=options))
    assert code != 0
    said = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(set(said)) == 1
    assert said[0].startswith(f"error: {message}")
    assert len(said) == 1 + bool(options[:-1])  # once each time that they are started


def test_the_script_of_the_documentation_runs(tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    script = tmp_path / "script.py"
    script.write_text(block)
    here = os.getcwd()  # noqa: PTH109 - the script writes where it is started
    os.chdir(tmp_path)
    try:
        code, out, err = ended(torchrun(2, script, program=()))
    finally:
        os.chdir(here)
    assert code == 0, err
    assert out.count("MAE") == 1
    assert Fitter.load(tmp_path / "fit.safetensors").report.samples == 200_000
