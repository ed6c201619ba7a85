"""``seqfit fit --fix``: suggestions are followed while they help, and the path is kept."""

import contextlib
import itertools
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import attrs
import pytest

from seqfit import Fitter, recipes
from seqfit.cli import main
from seqfit.cli.runs import RunFolder
from seqfit.diagnosis import Suggestion, follow
from seqfit.diagnosis.mending import Mending, Step
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
    assert said.splitlines()[-1] == "to go on: seqfit fix stopped"
    folder = tmp_path / "stopped"
    assert json.loads((folder / "mending.json").read_text())["ending"] == "it was interrupted"
    assert json.loads((folder / "result.json").read_text())["samples"] == 11_999
    assert Fitter.load(folder / "fitter.safetensors").report.updates == 6_000


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A run whose learning rate is far too small, fitted but not mended."""
    place = tmp_path_factory.mktemp("hasty")
    optimizer = TorchOptimizer("Adam", {"lr": 1e-5})
    parts = {"model": GRU(hidden=4, head=()), "schedule": TruncatedBPTT(k1=25, k2=50)}
    (place / "hasty.toml").write_text(
        to_toml(recipes.gru(samples=2_000, optimizer=optimizer, learning_rate=None, **parts))
    )
    seqfit(place, "fit", "hasty.toml", "--run", "run")
    return place


@pytest.fixture
def finished(hasty, tmp_path):
    """A copy of its folder."""
    return shutil.copytree(hasty / "run", tmp_path / "run")


def fixed(capsys, *arguments):
    """``seqfit fix`` in this process: its code, and what it said."""
    with pytest.raises(SystemExit) as end:
        main(["fix", *map(str, arguments)])
    return end.value.code or 0, " ".join(capsys.readouterr().err.split())


def stopped_while_it_is_mended(folder, number):
    """``seqfit fix`` that is sent a signal on its way: its code, output, and what it said."""
    command = [sys.executable, "-m", "seqfit", "fix", "run", "--seconds", "500", "--json"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if line.startswith("diagnosing and mending"):
            break
    time.sleep(1)
    process.send_signal(number)
    out, said = process.communicate(timeout=120)
    return process.returncode, out, said


@pytest.mark.slow
def test_a_mending_that_was_stopped_is_taken_up_again_and_its_path_goes_on(hasty, finished):
    before = (finished / "fitter.safetensors").read_bytes()
    tried = Step(("drift",), Suggestion("Clip.", {"clip": 0.5}), 0.4, 0.41, False, "", 1.0)
    earlier = json.loads(json.dumps(tried.as_dict()))
    (finished / "mending.json").write_text(json.dumps({"steps": [earlier]}))
    code, _, _ = stopped_while_it_is_mended(finished.parent, signal.SIGKILL)
    assert code == -signal.SIGKILL
    code, out, said = stopped_while_it_is_mended(finished.parent, signal.SIGINT)
    assert code == 130, said
    assert said.splitlines()[-1] == "to go on: seqfit fix run"
    assert "Traceback" not in said
    result = json.loads(out)
    assert result["interrupted"]
    assert result["mending"]["steps"] == [earlier]
    assert result["mending"]["ending"] == "it was interrupted"
    assert (finished / "fitter.safetensors").read_bytes() == before

    result, said = seqfit(finished.parent, "fix", "run", "--seconds", "300")
    path = result["mending"]
    assert "fix 2: " in said
    assert path["steps"][0] == earlier
    assert any(step["is_kept"] for step in path["steps"])
    assert path == json.loads((finished / "mending.json").read_text())
    asked = finished / "asked.toml"
    assert asked.read_text() == (hasty / "run" / "experiment.toml").read_text()
    what = read_experiment(asked)
    for step in path["steps"]:
        if step["is_kept"]:
            what = follow(what, step["suggestion"]["changes"])
    assert what == read_experiment(finished / "experiment.toml")
    assert Fitter.load(finished / "fitter.safetensors").experiment == what

    assert path["is_exact"]
    again, _ = seqfit(finished.parent, "fix", "run")
    assert again == result


def test_a_run_that_can_not_be_mended_says_why(finished, tmp_path, capsys):
    """What is no run, is not finished, has no signal, or is another experiment by now."""
    path = finished / "experiment.toml"
    cases = {tmp_path / "gone": "no run folder at", tmp_path: "is no run folder: it has no"}
    for folder, message in cases.items():
        assert fixed(capsys, folder)[0] == 2
        assert message in fixed(capsys, folder)[1]
    code, said = fixed(capsys, finished, "--seconds", "-3")
    assert (code, said) == (2, "error: --seconds must be a positive, finite number, got -3.0")
    with RunFolder(finished).locked():
        code, said = fixed(capsys, finished)
    assert (code, said) == (2, f"error: another process is at work in {finished}")
    written = path.read_text()
    path.write_text(written.replace("seed = 0", "seed = 5"))
    code, said = fixed(capsys, finished)
    assert code == 2
    assert "experiment.toml is not what was fitted: its seed is 5, not 0; the experiment" in said
    path.write_text(written)
    (finished / "mending.json").write_text('{"steps": [')
    code, said = fixed(capsys, finished)
    assert code == 2
    assert f"{finished}/mending.json is damaged: " in said
    (finished / "result.json").unlink()
    assert "did not come to its end: there is no result.json; go" in fixed(capsys, finished)[1]


def test_a_run_that_was_stopped_is_to_be_finished_first(tmp_path, capsys):
    what = recipes.gru(samples=2_000, model=GRU(hidden=4, head=()))
    folder = RunFolder.create(tmp_path / "run", "fit", "experiment.toml", to_toml(what))
    fitter = Fitter.of(what)
    folder.finish(fitter.fit(1_000))
    code, said = fixed(capsys, folder.path)
    assert code == 2
    assert said == (
        f"error: the fit in {folder.path} was stopped after 1,000 of 2,000 samples: finish it "
        f"first, by 'seqfit resume {folder.path}'"
    )


def test_samples_that_are_not_kept_can_not_be_fitted_again(tmp_path, capsys):
    what = attrs.evolve(recipes.gru(model=GRU(hidden=4, head=())), signal=None, target=None)
    folder = RunFolder.create(tmp_path / "run", "fit", "experiment.toml", to_toml(what))
    fitter = Fitter.of(what).partial_fit([0.0] * 100, [1.0] * 100)
    folder.finish(fitter)
    code, said = fixed(capsys, folder.path)
    assert code == 2
    assert "has no signal: the samples that it was given are not kept" in said
    folder.write_json("live.json", {})
    assert "was fitted to samples as they came, which are not kept" in fixed(capsys, folder.path)[1]


def test_ctrl_c_in_the_fit_before_it_is_mended_says_how_to_go_on(tmp_path):
    command = [sys.executable, "-m", "seqfit", "fit", "--recipe", "gru", "--fix", "--json"]
    process = subprocess.Popen(
        [*command, "--samples", "500000000", "--checkpoint-every", "20000", "--run", "run"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("run/checkpoints/*.safetensors")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "to go on: seqfit resume run\n" in said
    assert said.splitlines()[-1] == "to mend it when it is finished: seqfit fix run"
    (line,) = out.splitlines()
    result = json.loads(line)
    assert result["interrupted"]
    assert "mending" not in result


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


def test_ctrl_c_before_anything_was_learned_is_told_as_data_that_any_reader_takes(tmp_path):
    """A solver makes one update; JSON has no number that is none."""
    what = recipes.recipe("exact")(samples=20_000)
    what = attrs.evolve(what, model=attrs.evolve(what.model, input_lags=60))
    (tmp_path / "slow.toml").write_text(to_toml(what))
    command = [sys.executable, "-m", "seqfit", "fit", "slow.toml", "--fix", "--json"]
    process = subprocess.Popen(
        [*command, "--run", "run"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stderr:
        if "schedule" in line:
            break
    time.sleep(1.5)  # it takes several times as long
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted; nothing was learned yet" in said
    assert "to mend it when it is finished: seqfit fix run" in said

    def none(name):
        raise AssertionError(name)

    assert json.loads(out, parse_constant=none)["loss"] is None
    for name in ("report", "fix"):
        with pytest.raises(SystemExit) as end:
            main([name, str(tmp_path / "run")])
        assert end.value.code == 2


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
            folder.adopt(fits[1], {"steps": []})
            break
        opened = RunFolder.open(folder.path)
        number = texts.index((folder.path / "experiment.toml").read_text())
        assert opened.fitter().seed == number
        assert (folder.path / "asked.toml").exists() == bool(number)
        assert (folder.path / "mending.json").exists() == bool(number)
        assert (folder.path / "result.json").exists() == (not number)
        found.append(number)
    folder.adopt(fits[0], {"steps": []})
    assert (folder.path / "asked.toml").read_text() == texts[0]
    assert found == sorted(found)
    assert {*found} == {0, 1}
    assert {path.name for path in folder.path.iterdir()} == {
        "asked.toml", "experiment.toml", "fitter.safetensors", "mending.json", "metrics.csv",
        "time.json", ".lock",
    }  # fmt: skip
