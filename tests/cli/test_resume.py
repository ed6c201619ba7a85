"""Runs that were killed: nothing is lost, and the end is the same."""

import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqfit import Fitter, states
from seqfit.cli import main
from seqfit.cli.runs import RunFolder
from seqfit.fitting import Checkpoints, DivergedError

MODEL = ["--model", "rnn:hidden=4,head=[]", "--samples", "60000", "--checkpoint-every", "2000"]


def command(*arguments):
    """Run a command in this process; gives its exit code."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code or 0


def begun(*arguments, errors=os.devnull):
    """A child that runs a command; forked where everything is imported, it is at work at once."""
    child = os.fork()
    if not child:
        with Path(errors).open("w") as sys.stderr, Path(os.devnull).open("w") as sys.stdout:
            try:
                main([str(argument) for argument in arguments])
            except SystemExit as end:
                code = end.code or 0
        os._exit(code)
    return child


def exit_code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_a_process_of_its_own(seconds, *arguments):
    """Run a command in a child and kill it after some seconds; whether it was killed."""
    child = begun(*arguments)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def weights(folder):
    return dict(Fitter.load(folder / "fitter.safetensors").module.state_dict())


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory):
    """Weights of a run without a stop, and how long one takes when all is compiled."""
    folder = tmp_path_factory.mktemp("unkilled")
    for name in ("cold", "warm"):
        begin = time.monotonic()
        assert command("fit", *MODEL, "--run", folder / name) == 0
    return weights(folder / "warm"), time.monotonic() - begin


@pytest.mark.slow
def test_a_run_killed_a_hundred_times_ends_with_the_weights_of_the_unkilled_one(
    unkilled, tmp_path, monkeypatch
):
    """Real processes and SIGKILL, at random moments of fits, checkpoints and results."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    expected, seconds = unkilled
    rng = random.Random(int(os.environ.get("SEQFIT_KILL_SEED", "0")))
    kills = runs = 0
    wanted = int(os.environ.get("SEQFIT_KILLS", "100"))
    while kills < wanted:
        runs += 1
        folder = tmp_path / f"run-{runs}"
        arguments = ["fit", *MODEL, "--run", folder]
        for _ in range(20):  # so that short moments come to an end too
            was_killed = in_a_process_of_its_own(rng.uniform(0, seconds), *arguments)
            kills += was_killed
            if (folder / "experiment.toml").exists():
                arguments = ["resume", folder, "--checkpoint-every", 2000]
            if not was_killed:
                break
        if arguments[0] == "resume" and not (folder / "result.json").exists():
            assert command(*arguments) == 0
        if (folder / "result.json").exists():
            assert states.same(weights(folder), expected)


def test_a_run_killed_before_its_first_checkpoint_starts_again(tmp_path, unkilled):
    folder = tmp_path / "run"
    assert command("fit", *MODEL, "--run", folder) == 0
    for name in ("result.json", "fitter.safetensors"):
        (folder / name).unlink()
    assert command("resume", folder) == 0
    assert states.same(weights(folder), unkilled[0])


def test_an_interrupted_run_is_finished(tmp_path, unkilled):
    code = (
        "import sys, os, signal\n"
        "from seqfit.cli import progress, main\n"
        "listening = progress.StopOnInterrupt.after_update\n"
        "def after_update(self, fitter):\n"
        "    self.interrupted = fitter.report.samples > 20000\n"
        "    listening(self, fitter)\n"
        "progress.StopOnInterrupt.after_update = after_update\n"
        "main(sys.argv[1:])\n"
    )
    folder = tmp_path / "run"
    ended = subprocess.run(
        [sys.executable, "-c", code, "fit", *MODEL, "--run", str(folder)],
        check=False,
        capture_output=True,
    )
    assert ended.returncode == 130
    result = json.loads((folder / "result.json").read_text())
    assert result["interrupted"]
    assert 20_000 < result["samples"] < 60_000
    assert command("resume", folder) == 0
    assert states.same(weights(folder), unkilled[0])


def test_a_search_that_was_killed_is_searched_again(tmp_path):
    folder, other = tmp_path / "run", tmp_path / "other"
    arguments = ["fit", "--samples", "1000", "--target", "leaky_integral:leak=0.1"]
    assert command(*arguments, "--run", other) == 0
    for seconds in (0.01, 0.02, 0.05, 0.1, 0.2, 0.4):
        assert in_a_process_of_its_own(seconds, *arguments, "--run", folder)
        if (folder / "search.json").exists():
            break
    assert command("resume", folder) == 0
    assert states.same(weights(folder), weights(other))
    assert not (folder / "search.json").exists()


def test_a_finished_run_has_nothing_left(tmp_path, capsys):
    folder = tmp_path / "run"
    assert command("fit", *MODEL, "--samples", "500", "--run", folder) == 0
    assert command("resume", folder) == 2
    said = capsys.readouterr().err
    assert "has come to its end; there is nothing left to fit, and to mend it there is" in said
    assert f"'seqfit fix {folder}'" in said
    assert "going on" not in said


@pytest.mark.parametrize("action", ["resume", "evaluate"])
def test_what_is_no_run_folder_is_said(action, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for path, message in (
        ("gone", "no run folder at 'gone'"),
        ("empty", "empty is no run folder: it has no experiment.toml"),
        ("file", "file is a file, not a run folder"),
    ):
        assert command(action, path) == 2
        assert message in capsys.readouterr().err


def test_two_processes_in_one_folder_are_refused(tmp_path):
    folder = tmp_path / "run"
    fit = [sys.executable, "-m", "seqfit", "fit", *MODEL, "--samples", "500000000", "--run"]
    with subprocess.Popen([*fit, str(folder)], stderr=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 60
        while not (folder / "checkpoints").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        second = subprocess.run(
            [sys.executable, "-m", "seqfit", "resume", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        first.kill()
    assert second.returncode == 2
    assert second.stderr.strip() == f"error: another process is at work in {folder}"
    # The lock of the dead process holds nobody out.
    third = in_a_process_of_its_own(1.0, "resume", folder)
    assert third


def test_a_diverging_run_goes_back_and_halves_its_rate(tmp_path, capsys):
    folder = tmp_path / "run"
    fit = ["fit", *MODEL, "--run", folder]
    assert command(*fit) == 0
    text = (folder / "experiment.toml").read_text()
    text = text[: text.index("[learning_rate]")] if "[learning_rate]" in text else text
    text = text.replace('loss = "l1"', 'loss = "mse"').replace("clip = 1.0\n", "")
    text = text[: text.index("[optimizer]")] + '[optimizer]\nname = "SGD"\nlr = 1e38\n'
    (tmp_path / "wild.toml").write_text(text)
    capsys.readouterr()
    assert command("fit", tmp_path / "wild.toml", "--run", tmp_path / "b", "--retries", 3) == 2
    assert capsys.readouterr().err.count("going back, with half the rate") == 3
    tamer = text.replace("1e38", "1e3").replace("samples = 60000", "samples = 3000")
    (tmp_path / "tame.toml").write_text(tamer)
    code = command("fit", tmp_path / "tame.toml", "--run", tmp_path / "c", "--retries", 60)
    assert code == 0


def test_a_run_that_fails_before_it_fits_leaves_its_folder_free(tmp_path, capsys):
    folder = tmp_path / "run"
    bad = ["fit", "--target", "delay:samples=3", "--signal", "sine:period=0", "--run", folder]
    assert command(*bad) == 2
    assert command("fit", *MODEL, "--samples", "500", "--run", folder) == 0


def test_a_run_resumed_and_killed_again_goes_on_from_its_newest_checkpoint(tmp_path):
    """An interrupted run has a file of its end; what was fitted after it is newer."""
    folder = tmp_path / "run"
    assert command("fit", *MODEL, "--samples", "500", "--run", folder) == 0
    fitter = Fitter.load(folder / "fitter.safetensors")
    experiment = fitter.experiment
    (folder / "checkpoints").mkdir()
    fitter.fit(250).save(folder / "checkpoints" / "checkpoint-000000000750.safetensors")
    found, damaged = RunFolder.open(folder).unfinished(experiment, ())
    assert found.report.samples == 750
    assert not damaged
    (folder / "checkpoints" / "checkpoint-000000000750.safetensors").write_bytes(b"no")
    found, damaged = RunFolder.open(folder).unfinished(experiment, ())
    assert found.report.samples == 500
    assert len(damaged) == 1


def test_each_retry_halves_the_rate_once_whatever_its_checkpoint_had(tmp_path, monkeypatch):
    rates = []

    def diverge_late(fitter, samples=None):
        rates.append(fitter.learning_rate_now)
        fit(fitter, 50)
        for callback in fitter.callbacks:
            if isinstance(callback, Checkpoints):
                callback.take(fitter)
        raise DivergedError("planted")

    fit = Fitter.fit
    folder = tmp_path / "run"
    assert command("fit", *MODEL, "--run", tmp_path / "plain") == 0
    text = (tmp_path / "plain" / "experiment.toml").read_text()
    (tmp_path / "e.toml").write_text(text[: text.index("[learning_rate]")])
    monkeypatch.setattr(Fitter, "fit", diverge_late)
    assert command("fit", tmp_path / "e.toml", "--run", folder, "--retries", 3) == 2
    assert rates == pytest.approx([rates[0] * 0.5**i for i in range(4)])


WILD = """
samples = 60000
loss = "mse"
signal = {name = "random_hold"}
target = {name = "saturated_integral"}
model = {name = "rnn", hidden = 4, head = [], activation = "relu"}
schedule = {name = "every_window", window = 10}
optimizer = {name = "SGD", lr = 100.0}
learning_rate = {name = "LinearLR", start_factor = 1e-4, total_iters = 6000}
"""
"""Its rate rises until it diverges."""


def test_a_run_that_diverges_on_its_way_goes_back_to_its_last_good_checkpoint(tmp_path, capsys):
    folder = tmp_path / "run"
    (tmp_path / "wild.toml").write_text(WILD)
    fit = ["fit", tmp_path / "wild.toml", "--run", folder, "--checkpoint-every", 5000]
    assert command(*fit, "--retries", 60) == 0
    err = capsys.readouterr().err
    after = [int(n.replace(",", "")) for n in re.findall(r"going on after ([\d,]+) samples", err)]
    assert max(after) >= 5000
    # A checkpoint from which it diverges at once is no good: the one before it is.
    assert any(later < earlier for earlier, later in itertools.pairwise(after))
    assert json.loads((folder / "result.json").read_text())["samples"] == 60_000


def test_a_run_that_diverges_says_what_to_do_and_can_be_taken_up_again(tmp_path, capsys):
    folder = tmp_path / "run"
    (tmp_path / "wild.toml").write_text(WILD)
    assert command("fit", tmp_path / "wild.toml", "--run", folder) == 2
    err = capsys.readouterr().err
    assert re.search(r"error: the fit diverged at update \d+, after \d+ samples .* lower", err)
    assert "--retries N goes back and halves the rate up to N times" in err
    assert command("resume", folder, "--retries", 60) == 0


def test_of_two_that_begin_in_one_folder_at_once_one_is_refused(tmp_path):
    """Neither spoils what the other does."""
    for attempt in range(3):
        folder, errors = tmp_path / f"run-{attempt}", tmp_path / f"errors-{attempt}"
        fit = ["fit", *MODEL, "--run", folder, "--seed"]
        children = {seed: begun(*fit, seed, errors=f"{errors}-{seed}") for seed in (1, 2)}
        codes = {exit_code(child): seed for seed, child in children.items()}
        assert set(codes) == {0, 2}
        refusal = Path(f"{errors}-{codes[2]}").read_text()
        assert re.search("holds a run already|another process is at work", refusal)
        assert f"seed = {codes[0]}\n" in (folder / "experiment.toml").read_text()
        assert (folder / "result.json").exists()


def test_runs_that_begin_at_once_are_given_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    children = [begun("fit", *MODEL, "--samples", 500) for _ in range(4)]
    assert [exit_code(child) for child in children] == [0] * 4
    assert len(list((tmp_path / "runs").glob("*/result.json"))) == 4


def test_what_cannot_be_built_leaves_no_folder(tmp_path, capsys):
    folder = tmp_path / "run"
    assert command("fit", "--model", "gru:hidden=10000000", "--run", folder) == 2
    assert "can't be built" in capsys.readouterr().err
    assert not folder.exists()


def test_the_time_of_a_run_is_that_of_all_its_processes(tmp_path):
    folder = tmp_path / "run"
    assert command("fit", *MODEL, "--run", folder) == 0
    before = json.loads((folder / "result.json").read_text())
    (folder / "result.json").unlink()
    assert command("resume", folder) == 0
    assert json.loads((folder / "result.json").read_text()) == before
    assert before["seconds"] > 0
    assert before["samples_timed"] == 60_000


def test_the_course_of_a_run_can_be_read_while_it_runs(tmp_path, monkeypatch, unkilled):
    monkeypatch.setattr("seqfit.cli.journal.SECONDS_BETWEEN", 0.05)
    folder = tmp_path / "run"
    arguments = ["fit", *MODEL, "--samples", 500_000_000, "--run", folder]
    assert in_a_process_of_its_own(3.0, *arguments)
    rows = (folder / "metrics.csv").read_text().splitlines()
    assert rows[0] == "samples,loss"
    assert 10 < len(rows) <= 1026  # thinned: it does not grow with the run
    spent = json.loads((folder / "time.json").read_text())
    assert 0 < spent["seconds"] < 3.0
    assert spent["samples_timed"] >= int(rows[-1].split(",")[0]) > 0


@pytest.mark.parametrize("recipe", [[], ["--recipe", "exact"], ["--recipe", "question_2017"]])
def test_too_few_samples_are_called_so(recipe, tmp_path, capsys):
    folder = tmp_path / "run"
    assert command("fit", *recipe, "--samples", 1, "--run", folder) == 0
    err = capsys.readouterr().err
    doubt = json.loads((folder / "result.json").read_text())["doubt"]
    assert doubt in err
    assert "1 sample was fitted" in doubt
    assert "too few to tell" in doubt


def test_what_was_found_of_a_fit_is_gone_when_it_has_gone_on(tmp_path):
    folder = tmp_path / "run"
    assert command("fit", *MODEL, "--run", folder) == 0
    (folder / "result.json").unlink()
    (folder / "diagnosis.json").write_text("{}")
    (folder / "evaluation.json").write_text("{}")
    assert command("resume", folder) == 0
    assert not {"diagnosis.json", "evaluation.json"} & {path.name for path in folder.iterdir()}


def test_a_damaged_time_is_named(tmp_path, capsys):
    folder = tmp_path / "run"
    assert command("fit", *MODEL, "--run", folder) == 0
    (folder / "result.json").unlink()
    (folder / "time.json").write_text('{"seconds": 1.0, "samp')
    assert command("resume", folder) != 0
    assert f"{folder / 'time.json'} is damaged" in capsys.readouterr().err
