"""The command line: what it leaves behind, and how it refuses."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy.signal import lfilter

from seqfit import Fitter
from seqfit.cli import main

SMALL = ["--model", "rnn:hidden=4,head=[]", "--samples", "2000"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return run_command


def test_a_fit_leaves_a_run_folder_and_a_result(run, tmp_path):
    code, out, err = run("fit", *SMALL, "--run", "here", "--json")
    assert code == 0
    result = json.loads(out.splitlines()[-1])
    assert result["samples"] == 2000
    assert result["updates"] == 80
    assert result["engine"] == "compiled"
    assert result["model"] == {
        "name": "rnn",
        "hidden": 4,
        "layers": 1,
        "head": [],
        "activation": "tanh",
    }
    assert result["schedule"]["name"] == "truncated_bptt"
    assert result["us_per_sample"] == pytest.approx(result["seconds"] / 2000 * 1e6)
    assert set(result["scores"]) >= {"mae", "rmse", "p99", "max"}
    assert result["run"] == "here"
    assert "free run on 8 held-out streams of 20,000 samples: MAE" in err
    folder = tmp_path / "here"
    names = {"experiment.toml", "fit.png", "fitter.safetensors", "metrics.csv", "result.json"}
    assert {path.name for path in folder.iterdir()} == names | {"time.json", ".lock"}
    assert (folder / "fit.png").read_bytes().startswith(b"\x89PNG")
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["samples"]) for row in rows] == list(range(25, 2001, 25))
    fitter = Fitter.load(folder / "fitter.safetensors")
    assert fitter.evaluate().mae == result["scores"]["mae"]


def test_an_experiment_file_runs_again_to_the_same_numbers(run, tmp_path):
    _, first, _ = run("fit", *SMALL, "--seed", 3, "--run", "a", "--json")
    _, again, _ = run("fit", "a/experiment.toml", "--run", "b", "--json")
    assert json.loads(first)["scores"] == json.loads(again)["scores"]
    _, other, _ = run("fit", "a/experiment.toml", "--seed", 4, "--run", "c", "--json")
    assert json.loads(first)["scores"] != json.loads(other)["scores"]


def test_runs_are_numbered(run, tmp_path):
    for _ in range(2):
        run("fit", *SMALL, "--recipe", "answer_2017")
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == [
        "answer_2017-001",
        "answer_2017-002",
    ]


def test_parts_are_named_one_by_one(run):
    code, out, _ = run(
        *("fit", *SMALL, "--json"),
        *("--signal", "uniform_noise:low=-1", "--target", "delay:samples=2"),
        *("--schedule", "accumulate:window=2,every=10,streams=2", "--engine", "eager"),
    )
    assert code == 0
    result = json.loads(out)
    assert result["engine"] == "eager"
    assert result["updates"] == 100
    assert result["schedule"]["streams"] == 2


def write_csv(path, delimiter=",", broken=None):
    rng = np.random.default_rng(0)
    u = np.repeat(rng.uniform(size=60), 10)
    y = 1000 + 30 * lfilter([1.0], [1.0, -0.9], u)
    rows = [f"{a:.6f}{delimiter}{b:.6f}" for a, b in zip(u, y, strict=True)]
    if broken is not None:
        rows[40] = rows[40].split(delimiter)[0] + delimiter + broken
    path.write_text(f"u{delimiter}y\n" + "\n".join(rows) + "\n")


def test_recorded_data_is_fitted_in_its_own_units(run, tmp_path):
    write_csv(tmp_path / "data.csv", delimiter=";")
    columns = ("--data", "data.csv", "--input", "u", "--output", "y")
    code, out, err = run("fit", *columns, "--samples", 20000, "--model", "gru:hidden=8", "--json")
    assert code == 0
    result = json.loads(out)
    assert result["samples"] == 20000
    assert result["scores"]["samples"] == 90
    output = np.genfromtxt(tmp_path / "data.csv", delimiter=";", skip_header=1)[:, 1]
    assert 0 < result["scores"]["mae"] < 0.5 * output.std()
    assert "free run on 1 held-out stream of 90 samples" in err
    experiment = tmp_path / result["run"] / "experiment.toml"
    code, again, _ = run("fit", experiment, "--json")
    assert json.loads(again)["scores"] == result["scores"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "--recipe", "gr"], "recipe must be one of .* got 'gr'; did you mean 'gru'"),
        (["fit", "--samples", "0"], "samples must be a positive int, got 0"),
        (
            ["fit", "--model", "gru", "--schedule", "every_window:window=90", "--samples", "80"],
            "80 samples make no update: the first takes 90 of each of 1 streams",
        ),
        (["fit", "--data", "/tmp", "--input", "u", "--output", "y"], "is a folder, not a file"),
        (["fit", "--samples", "many"], "Invalid value for '--samples'"),
        (["fit", "--seed", "-1"], "seed must be an int from 0"),
        (["fit", "--target", "saturated"], "no target is named 'saturated'; did you mean"),
        (["fit", "--model", "gru:hiden=3"], "no setting 'hiden'; did you mean 'hidden'"),
        (["fit", "--model", "gru:hidden=0"], "hidden must be a positive int, got 0"),
        (["fit", "--model", "gru:hidden"], "is not valid TOML"),
        (
            ["fit", "--target", "butterworth:order=2,passes=high"],
            "a word is written in quotes: 'butterworth:order=2,passes=\"high\"'",
        ),
        (["fit", "."], ". is a folder, not a file"),
        (["fit", "--schedule", "accumulate:window=60"], "window must not exceed every=50, got 60"),
        (
            ["fit", "--engine", "warp"],
            "engine must be one of auto, eager, windowed, compiled, got 'warp'",
        ),
        (["fit", "gone.toml"], "no file at 'gone.toml'"),
        (["fit", "gone.toml", "--recipe", "gru"], "give either gone.toml or --recipe gru"),
        (["fit", "--data", "gone.csv", "--input", "u", "--output", "y"], "no file at 'gone.csv'"),
        (["fit", "--data", "gone.csv"], "--data needs --input and --output"),
        (["fit", "--input", "u"], "--input, --output and --time name columns of --data"),
        (["fit", *SMALL, "--run", "/proc/cannot"], "/proc/cannot"),
        (["fit", *SMALL, "--run", "/dev/null"], "is a file, not a folder"),
        (["compare", "gru"], "compare takes two experiments or more, got 1"),
        (["compare", "gru", "gr"], "got 'gr'; did you mean 'gru'"),
        (["compare", "gru", "gr.toml"], "no file at 'gr.toml'"),
        (["fti"], "fti"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(run, tmp_path, arguments, message):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    lines = err.strip().splitlines()
    if lines[0].startswith("error:"):
        assert len(lines) == 1
    assert re.search(message, err)
    assert not list(tmp_path.rglob("*")) or "--run" in arguments


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("nan", "line 42 (row 41), column 'y': 'nan' is not a finite number"),
        ("n/a", "line 42 (row 41), column 'y': 'n/a' is not a finite number"),
        ("1;2", "line 42: 3 cells, but the header has 2 columns"),
    ],
)
def test_a_bad_cell_is_named_with_its_row_and_column(run, tmp_path, broken, message):
    write_csv(tmp_path / "data.csv", ";", broken)
    code, _, err = run("fit", "--data", "data.csv", "--input", "u", "--output", "y")
    assert code == 2
    assert message in err


@pytest.mark.parametrize(("samples", "taken"), [(1, 1), (49, 25), (500, 500)])
def test_any_number_of_samples_gives_a_result(run, samples, taken):
    code, out, _ = run("fit", "--recipe", "gru", "--samples", samples, "--json")
    assert code == 0
    assert json.loads(out)["samples"] == taken


def test_recorded_data_is_solved_exactly_where_it_can_be(run, tmp_path):
    """A leaky integral of noise, recorded from somewhere in its course."""
    u = np.random.default_rng(0).uniform(size=2500)
    y = lfilter([0.1], [1, -0.9], u)[500:]
    rows = [f"{a!r},{b!r}" for a, b in zip(u[500:].tolist(), y.tolist(), strict=True)]
    (tmp_path / "log.csv").write_text("valve,flow\n" + "\n".join(rows) + "\n")
    data = ["--data", "log.csv", "--input", "valve", "--output", "flow"]
    code, out, err = run("fit", *data, "--recipe", "exact", "--run", "a", "--json")
    assert code == 0, err
    result = json.loads(out.splitlines()[-1])
    assert result["samples"] == 1400
    assert "0.1 x[t] + 0.9 y[t-1]" in result["law"]
    assert "y[-1] = " in result["law"]
    code, _, err = run("fit", *data, "--recipe", "auto")
    assert code == 2
    assert "--recipe auto does not take --data" in err


def test_data_too_short_to_be_scored_is_refused_before_the_fit(run, tmp_path):
    (tmp_path / "data.csv").write_text("u,y\n1,2\n2,3\n3,5\n")
    code, _, err = run("fit", "--data", "data.csv", "--input", "u", "--output", "y")
    assert code == 2
    assert "the stretch 'test' of 3 recorded samples is empty" in err
    assert not (tmp_path / "runs").exists()


def test_data_of_one_row_or_out_of_step_is_one_clear_line(run, tmp_path):
    (tmp_path / "one.csv").write_text("u,y\n1,2\n")
    np.savez(tmp_path / "uneven.npz", u=np.arange(100.0), y=np.arange(90.0))
    for data, message in (
        ("one.csv", "error: the training stretch of one.csv has one row, at least two are needed"),
        ("uneven.npz", "error: uneven.npz, column 'y' has 90 samples, but column 'u' has 100;"),
    ):
        code, out, err = run("fit", "--data", data, "--input", "u", "--output", "y")
        assert (code, out) == (2, "")
        assert err.startswith(message)
        assert len(err.splitlines()) == 1


def test_a_wrong_key_in_an_experiment_file_is_named(run, tmp_path):
    run("fit", *SMALL, "--run", "a")
    text = (tmp_path / "a" / "experiment.toml").read_text()
    (tmp_path / "b.toml").write_text(text.replace("jump_probability", "jump_probabilty"))
    code, _, err = run("fit", "b.toml")
    assert code == 2
    assert "no setting 'jump_probabilty'; did you mean 'jump_probability'" in err


def test_a_run_is_never_overwritten(run, tmp_path):
    run("fit", *SMALL, "--run", "a")
    code, _, err = run("fit", *SMALL, "--run", "a")
    assert code == 2
    assert "holds a run already" in err


def test_a_diverging_fit_is_an_error_that_keeps_the_last_good_weights(run, tmp_path):
    run("fit", *SMALL, "--run", "a")
    text = (tmp_path / "a" / "experiment.toml").read_text()
    text = text.replace('loss = "l1"', 'loss = "mse"').replace("clip = 1.0\n", "")
    text = text[: text.index("[optimizer]")] + '[optimizer]\nname = "SGD"\nlr = 1e30\n'
    (tmp_path / "b.toml").write_text(text)
    code, _, err = run("fit", "b.toml", "--run", "b")
    assert code == 2
    assert "error: the fit diverged at update" in err
    fitter = Fitter.load(tmp_path / "b" / "fitter.safetensors")
    assert np.isfinite(fitter.predict([0.5, 0.5])).all()


def test_a_full_disk_is_an_error_and_leaves_no_half_file(run, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs privileges")
    try:
        code, _, err = run("fit", *SMALL, "--model", "gru:hidden=60", "--run", disk / "run")
        assert code == 2
        assert "No space left on device" in err
        left = {path.name for path in (disk / "run").iterdir()}
        assert "fitter.safetensors" not in left
        assert not any(name.endswith(".part") for name in left)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_list_names_everything_and_its_package(run):
    code, out, _ = run("list")
    assert code == 0
    for name in ("random_hold", "saturated_integral", "gru", "accumulate", "question_2017"):
        assert name in out
    _, names, _ = run("list", "--names")
    assert "targets delay" in names.splitlines()
    _, schedules, _ = run("list", "schedules", "--names")
    assert "schedules accumulate" in schedules
    assert "delay" not in schedules


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("butterworth", "target butterworth(order=2, passes='low', edges=(0.05,))"),
        ("model:gru", "model gru(hidden=50, layers=1, head=(50,))"),
        ("exact", "recipe exact"),
    ],
)
def test_list_tells_all_of_one(run, what, told):
    code, out, _ = run("list", what)
    assert code == 0
    assert out.startswith(told)
    assert "It does not say" not in out


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("buterworth", "nothing that 'seqfit list' shows is named 'buterworth'; did you mean"),
        ("sum", "'sum' is a signal and a target; say which: signal:sum"),
        ("target:gru", "no target is named 'gru'"),
    ],
)
def test_list_says_what_it_does_not_know(run, what, message):
    code, _, err = run("list", what)
    assert code != 0
    assert message in err


def test_compare_gives_a_table_for_each_measure(run):
    code, out, err = run("compare", "question_2017", "answer_2017", "--samples", 1500, "--json")
    assert code == 0
    tables = json.loads(out.splitlines()[-1])
    assert [table["equal"] for table in tables] == ["samples", "updates", "seconds"]
    by_samples, by_updates, by_seconds = ([*table["rows"]] for table in tables)
    assert by_samples[1]["samples"] == 1451
    assert abs(by_samples[0]["samples"] - 1451) <= 15
    assert by_updates[1]["updates"] == 30
    assert abs(by_updates[0]["updates"] - 30) <= 8
    assert by_seconds[0]["seconds"] < by_samples[0]["seconds"]
    assert "at equal updates" in err


def test_a_run_is_evaluated_in_a_process_of_its_own(run, tmp_path):
    run("fit", "--recipe", "exact", "--samples", 3000, "--run", "here")
    command = [sys.executable, "-W", "error", "-m", "seqfit", "evaluate", "here", "--json"]
    command += ["--horizons", "500,5000", "--streams", "3", "--seed", "7"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    evaluation = json.loads(done.stdout.splitlines()[-1])
    assert evaluation == json.loads((tmp_path / "here" / "evaluation.json").read_text())
    assert [horizon["length"] for horizon in evaluation["horizons"]] == [500, 5000]
    fitter = Fitter.load(tmp_path / "here" / "fitter.safetensors")
    scores = fitter.evaluate(3 * 500, streams=3, seed=7)
    assert evaluation["horizons"][0]["scores"] == scores.as_dict()
    assert evaluation["starts"]["one_step_ahead"]["max"] < 1e-5
    for words in ("3 held-out streams", "NRMSE", "warmed up", "Drift:", "Exposure:"):
        assert words in done.stderr


def test_a_run_that_is_not_there_or_not_whole_is_not_evaluated(run, tmp_path):
    run("fit", *SMALL, "--run", "here")
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    checkpoint = tmp_path / "here" / "fitter.safetensors"
    whole = checkpoint.read_bytes()

    def error(folder, *options):
        code, out, err = run("evaluate", folder, *options)
        assert (code, out) == (2, "")
        assert len(err.strip().splitlines()) == 1
        return err

    assert "no run folder at 'gone'; 'seqfit fit' makes one" in error("gone")
    assert "file is a file, not a run folder" in error("file")
    assert "empty is no run folder: it has no experiment.toml" in error("empty")
    assert "--horizons takes whole numbers" in error("here", "--horizons", "10,many")
    assert "horizons must be one or more positive ints" in error("here", "--horizons", "0")
    checkpoint.write_bytes(whole[:-9])
    assert "fitter.safetensors is cut short" in error("here")
    checkpoint.unlink()
    assert "the fit in here did not come to its end" in error("here")
    assert not (tmp_path / "here" / "evaluation.json").exists()


def test_help_and_version(run):
    code, out, _ = run("fit", "--help")
    assert code == 0
    for option in ("--recipe", "--samples", "--data", "--json"):
        assert option in out
    assert run("--version")[1] == "seqfit 0.1.0\n"


def interrupted(folder, *arguments):
    """A fit in the run folder 'here' that Ctrl-C ends a second after it has begun."""
    command = [sys.executable, "-m", "seqfit", "fit", *arguments, "--run", "here", "--json"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while not (folder / "here" / "experiment.toml").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    return json.loads(out.splitlines()[-1]), err


def test_an_interrupted_fit_keeps_what_it_has_learned(tmp_path):
    result, err = interrupted(tmp_path, *SMALL, "--samples", "100000000")
    assert "interrupted" in err
    assert "to go on: seqfit resume here" in err
    assert 0 < result["samples"] < 100_000_000
    fitter = Fitter.load(tmp_path / "here" / "fitter.safetensors")
    assert fitter.report.samples == result["samples"]


def test_an_interrupted_search_ends_at_once_and_begins_again(tmp_path):
    # The search would take ten seconds at least.
    result, err = interrupted(
        tmp_path, "--recipe", "exact_hidden", "--target", "wiener_hammerstein"
    )
    assert "interrupted; nothing was learned yet" in err
    assert result["updates"] == 0
    fitter = Fitter.load(tmp_path / "here" / "fitter.safetensors")
    assert (fitter.report.samples, fitter.samples_left) == (0, 20_000)
