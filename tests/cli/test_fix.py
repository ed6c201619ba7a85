"""``seqfit fit --fix``: suggestions are followed while they help, and the path is kept."""

import contextlib
import itertools
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seqfit import Fitter, recipes
from seqfit.cli import main
from seqfit.cli.runs import RunFolder
from seqfit.diagnosis import follow
from seqfit.diagnosis.mending import Mending
from seqfit.fitting import Callback, StopFitting, TorchOptimizer, read_experiment, to_toml
from seqfit.models import GRU
from seqfit.schedules import TruncatedBPTT

QUESTION = ["fit", "--recipe", "question_2017", "--samples", "12000", "--seed", "3"]


def seqfit(folder, *arguments):
    """A command in a process of its own, which has to end well; its JSON, and what it said."""
    command = [sys.executable, "-m", "seqfit", *map(str, arguments), "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), " ".join(done.stderr.split())


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(["fit", "--fix", *arguments])
    assert end.value.code == 2
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def mended(tmp_path_factory):
    """The question of 2017, shortened and mended: where, the result, and what was said."""
    place = tmp_path_factory.mktemp("mended")
    return place, *seqfit(place, *QUESTION, "--fix", "--fix-seconds", "100", "--run", "fixed")


@pytest.mark.slow
def test_the_question_of_2017_is_mended_until_it_is_exact(mended):
    place, result, said = mended
    path = result["mending"]
    assert path["is_exact"]
    assert path["ending"] == "the fit is exact but for rounding"
    assert result["scores"]["mae"] < 1e-6
    assert path == json.loads((place / "fixed" / "mending.json").read_text())
    kept = [step for step in path["steps"] if step["is_kept"]]
    assert kept[0]["before"] > 0.02
    for one, next_one in itertools.pairwise(kept):
        assert next_one["before"] == one["after"] < one["before"]
    assert path["mae"] == kept[-1]["after"]
    assert "what was found, what was changed, and what it came to" in said
    assert "no more was changed: the fit is exact but for rounding." in said


@pytest.mark.slow
def test_what_was_asked_for_and_the_kept_changes_make_the_experiment(mended):
    place, result, _ = mended
    what = read_experiment(place / "fixed" / "asked.toml")
    assert what == recipes.question_2017(12_000, 3)
    for step in result["mending"]["steps"]:
        if step["is_kept"]:
            what = follow(what, step["suggestion"]["changes"])
    assert what == read_experiment(place / "fixed" / "experiment.toml")


@pytest.mark.slow
def test_the_mended_experiment_fits_again_to_the_same_numbers(mended):
    place, result, _ = mended
    again, _ = seqfit(place, "fit", "fixed/experiment.toml", "--run", "again")
    assert again["scores"] == result["scores"]
    assert (
        Fitter.load(place / "fixed" / "fitter.safetensors").evaluate().mae
        == (result["scores"]["mae"])
    )


def test_a_fit_that_is_exact_is_left_as_it_is(tmp_path):
    arguments = ["fit", "--fix", "--recipe", "exact", "--samples", "2000", "--run", "exact"]
    result, said = seqfit(tmp_path, *arguments)
    assert result["mending"]["steps"] == []
    assert result["mending"]["is_exact"]
    assert "no more was changed: the fit is exact but for rounding." in said
    assert not (tmp_path / "exact" / "asked.toml").exists()
    assert (tmp_path / "exact" / "result.json").exists()


@pytest.mark.slow
def test_ctrl_c_while_it_is_mended_keeps_the_best_fit(tmp_path):
    command = [sys.executable, "-m", "seqfit", *QUESTION, "--fix", "--fix-seconds", "500"]
    process = subprocess.Popen(
        [*command, "--run", "stopped"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if line.startswith("diagnosing and mending"):
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "no more was changed: it was interrupted." in " ".join(said.split())
    folder = tmp_path / "stopped"
    assert json.loads((folder / "mending.json").read_text())["ending"] == "it was interrupted"
    assert json.loads((folder / "result.json").read_text())["samples"] == 11_999
    assert Fitter.load(folder / "fitter.safetensors").report.updates == 6_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--fix mends one recipe, and --recipe auto tries them all: name one"),
        (["--recipe", "auto"], "--fix mends one recipe, and --recipe auto tries them all"),
        (["--recipe", "gru", "--fix-seconds", "0"], "--fix-seconds must be a positive"),
        (["--recipe", "gru", "--fix-seconds", "nan"], "--fix-seconds must be a positive"),
        (
            ["--data", "-", "--input", "u", "--output", "y"],
            "--fix fits the same samples again and again, which samples as they come can't be",
        ),
        (
            ["--data", "log.csv", "--follow", "--input", "u", "--output", "y"],
            "--fix fits the same samples again and again",
        ),
    ],
)
def test_what_can_not_be_mended_is_refused(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    error = refused(capsys, *arguments)
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_seconds_without_mending_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--recipe", "gru", "--fix-seconds", "5"])
    assert "--fix-seconds is for --fix, which is missing" in capsys.readouterr().err


def small(rate):
    parts = {"model": GRU(hidden=4, head=()), "schedule": TruncatedBPTT(k1=25, k2=50)}
    optimizer = TorchOptimizer("Adam", {"lr": rate})
    experiment = recipes.gru(
        samples=2_000, optimizer=optimizer, learning_rate=None, clip=None, **parts
    )
    return Fitter.of(experiment).fit()


@pytest.mark.slow
def test_a_mending_ends_with_its_time_and_with_whoever_watches():
    late = Mending.of(small(1e-5))
    late.run(1e-9, lambda *_: (), lambda _: False)
    assert (late.steps, late.ending) == ([], "the 1e-09 seconds were over")
    watched, began = Mending.of(small(1e-5)), []

    def begin(suggestion, what):
        began.append((suggestion, what))
        return ()

    watched.run(60.0, begin, lambda _: True)
    (step,) = watched.steps
    assert watched.ending == "it was interrupted"
    assert began[0][0] == step.suggestion
    assert step.is_kept == (step.after * 1.05 < step.before)
    assert (watched.best.experiment == began[0][1]) == step.is_kept


def test_a_fit_that_was_stopped_is_not_kept():
    class Stops(Callback):
        def after_update(self, fitter):
            raise StopFitting

    mending = Mending.of(small(1e-5))
    first = mending.best
    mending.run(30.0, lambda *_: (Stops(),), lambda _: False)
    assert mending.best is first
    assert {step.remark for step in mending.steps} == {"its fit was stopped"}
    assert mending.ending == "nothing that was suggested made it better"


class Killed(BaseException):
    """Nothing is tidied up after it."""


def test_killed_while_a_better_fit_takes_its_place_a_folder_has_one_of_them(tmp_path, monkeypatch):
    fits = [
        Fitter.of(recipes.recipe("question_2017")(samples=200, seed=seed)).fit() for seed in (0, 1)
    ]
    texts = [to_toml(fitter.experiment) for fitter in fits]
    moved = Path.replace
    found = []
    for step in itertools.count():
        folder = RunFolder.create(tmp_path / str(step), "fit", "experiment.toml", texts[0])
        folder.finish(fits[0])
        folder.write_json("result.json", {"of": "the first"})
        left = itertools.repeat(None, step)

        def dying(path, target, left=left):
            if next(left, "none") == "none":
                raise Killed
            return moved(path, target)

        with monkeypatch.context() as patch, contextlib.suppress(Killed):
            patch.setattr(Path, "replace", dying)
            folder.adopt(fits[1])
            break
        opened = RunFolder.open(folder.path)
        number = texts.index((folder.path / "experiment.toml").read_text())
        assert opened.fitter().seed == number
        assert (folder.path / "asked.toml").exists() == bool(number)
        assert (folder.path / "result.json").exists() == (not number)
        found.append(number)
    assert found == sorted(found)
    assert {*found} == {0, 1}
    assert {path.name for path in folder.path.iterdir()} == {
        "asked.toml", "experiment.toml", "fitter.safetensors", "metrics.csv", "time.json", ".lock"
    }  # fmt: skip
