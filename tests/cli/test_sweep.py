"""Sweeps on the command line: real processes, killed and side by side."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest

from seqfit import Fitter, states
from seqfit.cli import main
from seqfit.cli.trials import run_sweep
from seqfit.fitting import read_experiment
from seqfit.sweeps.folder import SweepFolder

DOCS = Path(__file__).parents[2] / "docs"
SPACE = """
samples = 2000
engine = "eager"  # slow enough to be killed on its way
[signal]
name = "random_hold"
[target]
name = "saturated_integral"
[model]
name = "rnn"
hidden = 4
head = []
[schedule]
name = "every_window"
window = 2
[optimizer]
name = "Adam"
lr = 1e-3
[space]
optimizer.lr = {float = [1e-4, 1e-1], log = true}
schedule.window = {choice = [2, 4]}
[sweep]
metric = "mae"
length = 500
reports = 4
sampler = {name = "TPESampler", n_startup_trials = 2}
pruner = {name = "MedianPruner", n_startup_trials = 2, n_warmup_steps = 1}
"""
TRIALS = ["--trials", "5", "--checkpoint-every", "200"]
QUICK = SPACE.replace('engine = "eager"', "").replace("samples = 2000", "samples = 400")


@pytest.fixture(autouse=True)
def _without_windows(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    before = optuna.logging.get_verbosity()
    yield
    optuna.logging.set_verbosity(before)


def command(*arguments):
    """Run a command in this process; gives its exit code."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code or 0


def begin(log, *arguments):
    """Begin a command in a child that is forked where all is imported; gives its process."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        sys.stdout = sys.stderr = log.open("a", buffering=1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        code = end.code or 0
    finally:
        os._exit(code)


def wait_for(condition, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def exit_code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def space_file(tmp_path, text=SPACE):
    path = tmp_path / "space.toml"
    path.write_text(text)
    return path


def outcome(folder):
    """All that a sweep has come to: of each trial its settings, scores and weights."""
    trials = SweepFolder.open(folder, None).trials()
    return {
        t.number: (
            t.state.name,
            t.params,
            t.values,
            t.intermediate_values,
            Fitter.load(folder / "trials" / f"{t.number:05}" / "fitter.safetensors").module,
        )
        for t in trials
    }


def same(a, b):
    return a.keys() == b.keys() and all(
        a[n][:4] == b[n][:4] and states.same(dict(a[n][4].state_dict()), dict(b[n][4].state_dict()))
        for n in a
    )


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory):
    """The folder of the sweep where nothing happens."""
    folder = tmp_path_factory.mktemp("unkilled")
    assert command("sweep", space_file(folder), *TRIALS, "--folder", folder / "sweep") == 0
    return folder / "sweep"


def test_a_sweep_leaves_a_table_pictures_run_folders_and_the_best_experiment(
    unkilled, tmp_path, capsys
):
    assert command("sweep", "--show", unkilled, "--json") == 0
    said = capsys.readouterr()
    trials = json.loads(said.out.splitlines()[-1])["trials"]
    assert [t["outcome"] for t in trials].count("complete") >= 2
    assert sorted(t["number"] for t in trials) == [0, 1, 2, 3, 4]
    complete = [t["score"] for t in trials if t["outcome"] == "complete"]
    assert complete == sorted(complete)
    assert "s a trial in the fit" in said.err
    best = unkilled / "trials" / f"{trials[0]['number']:05}"
    assert read_experiment(unkilled / "best.toml") == read_experiment(best / "experiment.toml")
    for name in ("history", "slices", "intermediate", "parallel", "importances"):
        assert (unkilled / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    lines = (unkilled / "trials.csv").read_text().splitlines()
    assert len(lines) == 6
    assert lines[0].endswith("optimizer.lr,schedule.window")
    assert command("fit", unkilled / "best.toml", "--run", tmp_path / "again") == 0
    again, first = (Fitter.load(run / "fitter.safetensors") for run in (tmp_path / "again", best))
    assert states.same(dict(again.module.state_dict()), dict(first.module.state_dict()))
    assert command("evaluate", best, "--horizons", "50") == 0


def test_a_pruned_trial_can_be_resumed_to_its_end(unkilled, tmp_path):
    found = outcome(unkilled)
    pruned = [number for number, trial in found.items() if trial[0] == "PRUNED"]
    run = unkilled / "trials" / f"{pruned[0]:05}"
    copy = tmp_path / "run"
    copy.mkdir()
    for name in ("experiment.toml", "fitter.safetensors"):
        (copy / name).write_bytes((run / name).read_bytes())
    left = Fitter.load(copy / "fitter.safetensors").samples_left
    assert 0 < left < 2000
    assert command("resume", copy) == 0
    assert Fitter.load(copy / "fitter.safetensors").samples_left == 0


@pytest.mark.slow
def test_a_sweep_killed_again_and_again_is_the_sweep_that_was_not(unkilled, tmp_path):
    """SIGKILL at random moments: of choices, fits, checkpoints, results and of what Optuna does."""
    rng, kills = random.Random(int(os.environ.get("SEQFIT_KILL_SEED", "0"))), 0
    arguments = ["sweep", space_file(tmp_path), *TRIALS, "--folder", tmp_path / "sweep"]
    at_once = time.monotonic()
    assert exit_code(begin(tmp_path / "log", *arguments[:-1], tmp_path / "timed")) == 0
    seconds = time.monotonic() - at_once
    for _ in range(int(os.environ.get("SEQFIT_SWEEP_KILLS", "5"))):
        child = begin(tmp_path / "log", *arguments)
        time.sleep(rng.uniform(0, seconds / 2))
        os.kill(child, signal.SIGKILL)
        kills += exit_code(child) == -signal.SIGKILL
    assert kills > 0
    assert exit_code(begin(tmp_path / "log", *arguments)) == 0
    assert same(outcome(tmp_path / "sweep"), outcome(unkilled))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_trial_stopped_in_its_fit_goes_on_from_its_checkpoint(number, code, unkilled, tmp_path):
    arguments = ["sweep", space_file(tmp_path), *TRIALS, "--folder", tmp_path / "sweep"]
    first, log = tmp_path / "sweep" / "trials" / "00000", tmp_path / "log"
    child = begin(log, *arguments)
    wait_for((first / "checkpoints" / "checkpoint-000000000800.safetensors").exists)
    os.kill(child, number)
    assert exit_code(child) == code
    assert SweepFolder.open(tmp_path / "sweep", None).trials()[0].state.name == "RUNNING"
    assert ("trial 0 is interrupted" in log.read_text()) == (number == signal.SIGINT)
    assert exit_code(begin(log, *arguments)) == 0
    assert "trial 0 goes on" in log.read_text()
    assert same(outcome(tmp_path / "sweep"), outcome(unkilled))


def test_two_workers_share_the_trials_and_one_takes_over_from_the_other(tmp_path):
    folder = tmp_path / "sweep"
    arguments = ["sweep", space_file(tmp_path), "--trials", 6, "--checkpoint-every", 200]
    children = [begin(tmp_path / f"log-{i}", *arguments, "--folder", folder) for i in (0, 1)]
    begun = folder / "trials"
    wait_for(lambda: len(list(begun.glob("*/checkpoints/*.safetensors"))) > 2)
    os.kill(children[0], signal.SIGKILL)
    assert exit_code(children[0]) == -signal.SIGKILL
    assert exit_code(children[1]) == 0
    logs = [(tmp_path / f"log-{i}").read_text() for i in (0, 1)]
    told = [
        int(number) for log in logs for number in re.findall(r"trial (\d+) (?:mae|pruned)", log)
    ]
    assert sorted(told) == [0, 1, 2, 3, 4, 5]  # each once: a living worker's trial is not taken
    assert "goes on" not in logs[0]
    found = outcome(folder)
    assert {trial[0] for trial in found.values()} <= {"COMPLETE", "PRUNED"}
    assert len({str(trial[1]) for trial in found.values()}) == 6


def test_folders_that_share_a_storage_make_no_trial_too_many(tmp_path):
    path, storage = space_file(tmp_path, QUICK), f"sqlite:///{tmp_path}/shared.db"
    children = [
        begin(
            tmp_path / f"log-{i}",
            *("sweep", path, "--trials", 5, "--storage", storage, "--folder", tmp_path / f"at-{i}"),
        )
        for i in (0, 1)
    ]
    assert [exit_code(child) for child in children] == [0, 0]
    made = [sorted(p.name for p in (tmp_path / f"at-{i}" / "trials").iterdir()) for i in (0, 1)]
    assert len(made[0]) + len(made[1]) == len({*made[0], *made[1]})
    study = run_sweep(path, tmp_path / "at-0", trials=5, storage=storage)
    counted = [t for t in study.trials if "surplus" not in t.user_attrs]
    assert len(counted) == 5
    assert all(trial.state.is_finished() for trial in study.trials)
    assert not (tmp_path / "at-0" / "study.db").exists()


def test_more_trials_are_added_and_no_fewer_taken_away(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = space_file(tmp_path, QUICK)
    journal = f"journal:{tmp_path / 'journal.log'}"
    assert [len(run_sweep(path, trials=n, storage=journal).trials) for n in (2, 3, 1)] == [2, 3, 3]
    assert (tmp_path / "sweeps" / "space" / "trials" / "00002" / "result.json").exists()


def test_another_sweep_in_the_folder_or_the_storage_is_refused(tmp_path):
    path, folder = space_file(tmp_path, QUICK), tmp_path / "sweep"
    run_sweep(path, folder, trials=1)
    path.write_text(QUICK.replace("hidden = 4", "hidden = 5"))
    with pytest.raises(FileExistsError, match="holds another sweep"):
        run_sweep(path, folder, trials=1)
    with pytest.raises(FileExistsError, match="the storage holds another sweep named 'space'"):
        run_sweep(path, tmp_path / "b", trials=1, storage=f"sqlite:///{folder}/study.db")


def test_trials_that_diverge_or_whose_settings_clash_are_told_and_the_sweep_goes_on(
    tmp_path, capsys
):
    text = QUICK.replace("{float = [1e-4, 1e-1], log = true}", "{choice = [1e38, 1e-2]}")
    text = text.replace('"Adam"', '"SGD"').replace("[signal]", 'loss = "mse"\n[signal]')
    text = text.replace('"every_window"', '"accumulate"\nevery = 3')
    text = text.replace("{choice = [2, 4]}", "{choice = [2, 4]}\nschedule.every = {int = [3, 4]}")
    text = text.replace("TPESampler", "BruteForceSampler").replace(
        ", n_startup_trials = 2}", "}", 1
    )
    assert command("sweep", space_file(tmp_path, text), "--trials", 100, "--json",
                   "--folder", tmp_path / "sweep") == 0  # fmt: skip
    said = capsys.readouterr()
    trials = json.loads(said.out.splitlines()[-1])["trials"]
    by_outcome = {t["outcome"]: t for t in trials}
    assert len(trials) == 8  # all that there is
    assert "the fit diverged at update" in by_outcome["diverged"]["reason"]
    assert by_outcome["diverged"]["parameters"]["optimizer.lr"] == 1e38
    assert "window must not exceed every=3, got 4" in by_outcome["failed"]["reason"]
    assert sum(t["outcome"] == "failed" for t in trials) == 2
    assert by_outcome["complete"]["parameters"]["optimizer.lr"] == 0.01


def test_a_run_that_somebody_is_at_work_in_is_left_alone(tmp_path, capsys):
    from seqfit.cli.runs import RunFolder

    arguments = ["sweep", space_file(tmp_path), *TRIALS, "--folder", tmp_path / "sweep"]
    first = tmp_path / "sweep" / "trials" / "00000"
    child = begin(tmp_path / "log", *arguments)
    wait_for((first / "checkpoints" / "checkpoint-000000000200.safetensors").exists)
    os.kill(child, signal.SIGKILL)
    exit_code(child)
    with RunFolder.open(first).locked():
        assert command("sweep", *arguments[1:2], "--trials", 1, *arguments[4:]) == 0
    assert "trial 0 is left alone: another process is at work" in capsys.readouterr().err
    assert SweepFolder.open(tmp_path / "sweep", None).trials()[0].state.name == "RUNNING"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a TOML file with a [space], or --show FOLDER"),
        (["gone.toml"], "no file at 'gone.toml'"),
        (["--show", "gone"], "gone is no folder of a sweep: it has no sweep.toml"),
        (["gone.toml", "--trials", "0"], "--trials must be a positive int, got 0"),
        (["space.toml", "--storage", "nosql://x:secret@y/z"], "can't be opened"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said(
    arguments, message, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    space_file(tmp_path, QUICK)
    assert command("sweep", *arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "secret" not in said


def test_without_optuna_the_extra_is_named(tmp_path):
    """A real process, in which the import of optuna fails."""
    code = (
        "import sys; sys.modules['optuna'] = None\n"
        "from seqfit.cli import main; main(['sweep', 'x'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == "error: a sweep needs Optuna: pip install 'seqfit[sweep]'\n"


def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch):
    text = (DOCS / "sweeps.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (toml,) = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    (python,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    Path("space.toml").write_text(toml)
    assert command("sweep", "space.toml", "--trials", "3") == 0
    exec(compile(python, "sweeps.md", "exec"), {})
    assert Path("sweeps/space/best.toml").is_file()
