"""Run folders that are looked into: while they are fitted, and with files that were changed."""

import contextlib
import html
import json
import re
import shutil
import subprocess
import sys
import time

import attrs
import pytest

from seqfit import Fitter
from seqfit.cli import main
from seqfit.cli.found import Found
from seqfit.cli.runs import RunFolder
from seqfit.fitting import from_toml, read_experiment, to_toml

SMALL = ["--model", "rnn:hidden=4,head=[]"]
ENDLESS = ["fit", *SMALL, "--samples", "500000000", "--run"]


def run(capsys, *arguments):
    """A command in this process: its code, its output, and what it said."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return end.value.code or 0, out, " ".join(err.split())


@contextlib.contextmanager
def being_fitted(folder, *more, until):
    """A process that fits in a folder, and has come to what it is waited for."""
    command = [sys.executable, "-m", "seqfit", *ENDLESS, str(folder), *more]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not list(folder.glob(until)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of 2,999 of 3,000 samples that has come to its end."""
    path = tmp_path_factory.mktemp("runs") / "run"
    schedule = ["--schedule", "every_window:window=10,phase=9"]
    with pytest.raises(SystemExit) as end:
        main(["fit", *SMALL, *schedule, "--samples", "3000", "--run", str(path)])
    assert not end.value.code
    return path


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(finished, tmp_path / "run")


def test_a_run_that_is_being_fitted_is_shown_as_far_as_it_is(tmp_path, capsys):
    folder, page = tmp_path / "run", tmp_path / "page.html"
    first = "checkpoints/*.safetensors"
    with being_fitted(folder, "--checkpoint-every", "20000", until=first) as process:
        said = {
            "report": run(capsys, "report", folder, "--length", "50", "-o", page),
            "evaluate": run(capsys, "evaluate", folder, "--horizons", "50", "--json"),
            "diagnose": run(capsys, "diagnose", folder, "--seconds", "0.1", "--json"),
        }
        assert process.poll() is None
        left = {path.name for path in folder.iterdir()}
    now = r"is being fitted at this moment, by another process: this is its newest checkpoint, "
    for name, (code, _, err) in said.items():
        assert code == 0, err
        assert re.search(now + r"after [\d,]+ of 500,000,000 samples\.", err), name
        assert "resume" not in err
    assert json.loads(said["evaluate"][1].splitlines()[-1])["horizons"][0]["length"] == 50
    for name in ("evaluation", "diagnosis"):  # of weights that are others by now
        assert f"the {name} is not kept, since another process is at work" in "".join(
            err for _, _, err in said.values()
        )
        assert f"{name}.json" not in left
    content = page.read_text(encoding="utf-8")
    assert re.search(f'<p class="notice">{re.escape(str(folder))} is being fitted', content)
    code, _, err = run(capsys, "report", folder, "--length", "50", "-o", page)
    assert code == 2
    assert f"go on with 'seqfit resume {folder}'" in err


def test_a_run_without_a_checkpoint_yet_says_how_far_it_is(tmp_path, capsys):
    folder = tmp_path / "run"
    with being_fitted(folder, until="experiment.toml") as process:
        said = [run(capsys, *command, folder) for command in (["report"], ["evaluate"])]
        (folder / "metrics.csv").write_text("samples,loss\n10,0.5\n2000,0.25\n")
        said.append(run(capsys, "diagnose", folder))
        assert process.poll() is None
    for code, _, err in said:
        assert code == 2
        assert err.startswith(f"error: {folder} is being fitted at this moment, by another process")
        assert "has no checkpoint yet" in err
        assert "resume" not in err
    assert "but a loss of 0.25 after 2,000 samples" in said[-1][2]


def test_a_search_that_is_at_work_has_nothing_to_show(tmp_path, capsys):
    (tmp_path / "search.json").write_text("{}")
    with RunFolder(tmp_path).locked():
        code, _, err = run(capsys, "report", tmp_path)
    assert code == 2
    assert err == (
        f"error: a search for a recipe is at work in {tmp_path}: there is no fit before its end"
    )


def test_a_finished_run_in_which_somebody_works_is_shown_as_it_was_left(copy, capsys):
    with RunFolder(copy).locked():
        code, _, err = run(capsys, "evaluate", copy, "--horizons", "50")
    assert code == 0
    assert f"Another process is at work in {copy} at this moment: this is the fit as it" in err
    assert not (copy / "evaluation.json").exists()


def test_what_was_found_of_a_fit_that_has_gone_on_meanwhile_is_not_left(copy):
    found = Found.at(copy)
    assert found.leave("evaluation.json", {}) == f"in {copy / 'evaluation.json'}"
    other = Fitter.load(copy / "fitter.safetensors")
    RunFolder(copy).finish(other.fit(20))
    assert found.leave("evaluation.json", {}).startswith("not kept")
    assert not (copy / "evaluation.json").exists()


def test_looking_into_a_folder_keeps_nobody_out(copy):
    """Who only looks in holds the lock for a moment, for which a process that works there waits."""
    folder = RunFolder(copy)
    code = (
        "import sys, pathlib, time\nfrom seqfit.cli.runs import RunFolder\n"
        "folder = RunFolder(pathlib.Path(sys.argv[1]))\nprint('go', flush=True)\n"
        "while True: folder.is_at_work; time.sleep(0.002)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(copy)], stdout=-1) as process:
        process.stdout.readline()
        for _ in range(20):
            with folder.locked():
                pass
        process.kill()
    assert not folder.is_at_work


def edited(path, change):
    written = (path / "experiment.toml").read_text()
    (path / "experiment.toml").write_text(change(written))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (
            lambda toml: toml.replace("hidden = 4", "hidden = 5"),
            "experiment.toml is not what was fitted: its model is {'name': 'rnn', 'hidden': 5",
        ),
        (
            lambda toml: toml.replace("seed = 0", "seed = 7"),
            "experiment.toml is not what was fitted: its seed is 7, not 0. ",
        ),
        (lambda toml: toml[: len(toml) // 2], "experiment.toml "),
        (lambda toml: "", "experiment.toml has no [model]. "),
        (lambda toml: "seed = [", "experiment.toml is not valid TOML"),
    ],
)
def test_an_experiment_that_is_not_the_one_that_was_fitted_is_told_of(copy, capsys, change, wrong):
    page = copy / "report.html"
    what = read_experiment(copy / "experiment.toml")
    edited(copy, change)
    for command in (["report", "--length", "50"], ["evaluate", "--horizons", "50"]):
        code, _, err = run(capsys, *command, copy)
        assert code == 0, err
        assert err.startswith(f"{copy}/{wrong}")
        assert f"What is shown is the fit in {copy}/fitter.safetensors, and its experiment" in err
    content = page.read_text(encoding="utf-8")
    assert '<p class="notice">' in content
    assert "It is not what is in its folder; write the experiment to a file, and:" in content
    (block,) = re.findall("experiment.toml</summary><pre.*?><code>(.*?)</code>", content, re.DOTALL)
    assert from_toml(html.unescape(block)) == what


def test_an_experiment_that_is_gone_is_told_of_too(copy, capsys):
    (copy / "experiment.toml").unlink()
    code, _, err = run(capsys, "report", "--length", "50", copy)
    assert code == 0
    assert err.startswith(f"{copy}/experiment.toml is not there. What is shown is the fit in")


def test_an_experiment_written_otherwise_is_the_same(copy, capsys):
    what = read_experiment(copy / "experiment.toml")
    same = "# mine\n" + "\n".join(
        line for line in to_toml(what).splitlines() if not line.startswith(("threads", "device"))
    )
    edited(copy, lambda _: same)
    code, _, err = run(capsys, "evaluate", copy, "--horizons", "50")
    assert code == 0
    assert "experiment.toml" not in err


def test_a_result_of_another_fit_is_refused(copy, capsys):
    result = json.loads((copy / "result.json").read_text())
    (copy / "result.json").write_text(json.dumps(result | {"samples": 1_000_000}))
    code, _, err = run(capsys, "report", copy)
    assert code == 2
    assert err == (
        f"error: {copy}/result.json is of another fit than {copy}/fitter.safetensors: it tells of "
        f"1,000,000 samples, not 2,999; without it 'seqfit resume {copy}' writes it anew"
    )
    (copy / "result.json").unlink()
    assert run(capsys, "resume", copy)[0] == 0
    assert run(capsys, "report", copy, "--length", "50")[0] == 0


def test_killed_between_the_fit_and_its_result_a_resumed_run_has_no_older_result(copy):
    """Resumed after an interruption, it would else be told of as interrupted for ever."""
    result = json.loads((copy / "result.json").read_text())
    folder = RunFolder.open(copy)
    folder.write_json("result.json", result | {"interrupted": True})
    folder.finish(Fitter.load(copy / "fitter.safetensors"))
    assert not (copy / "result.json").exists()
    assert not (copy / "fit.png").exists()


def test_the_samples_that_wait_at_the_end_are_told_of_and_the_line_is_full(copy, capsys):
    what = attrs.evolve(read_experiment(copy / "experiment.toml"), samples=3_005)
    (copy.parent / "e.toml").write_text(to_toml(what))
    code, _, err = run(capsys, "fit", copy.parent / "e.toml", "--run", copy.parent / "odd")
    assert code == 0
    assert re.search(r"2,999/3,005 ━{20} [\d,]+ samples/s, loss [\d.]+, 6 left over", err)
    assert "engine; 6 more were too few for an update" in err
    assert json.loads((copy.parent / "odd" / "result.json").read_text())["samples"] == 2_999


def test_a_run_without_samples_to_fit_shows_no_line_that_never_moves(copy, capsys):
    (copy / "result.json").unlink()
    code, _, err = run(capsys, "resume", copy)
    assert code == 0
    assert "0/3,000" not in err
    assert "1 more was too few for an update" in err
