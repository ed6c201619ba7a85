"""Fits of standard input and of growing files from the command line."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from seqfit import Fitter, states

RNG = np.random.default_rng(0)
X = RNG.uniform(size=5000)
Y = 10 + np.convolve(X, np.full(5, 0.2))[: len(X)]
ROWS = [f"{x!r};{y!r}\n" for x, y in zip(X.tolist(), Y.tolist(), strict=True)]
HEADER = "valve;flow\n"
COLUMNS = ["--input", "valve", "--output", "flow"]
MODEL = ["--model", "rnn:hidden=4,head=[]", "--engine", "windowed"]
STANDARD_INPUT = ["fit", "--data", "-", *COLUMNS, *MODEL, "--run", "here", "--json"]


@pytest.fixture
def run(run_in, tmp_path):
    """Run a command in an empty folder."""
    return run_in(tmp_path)


def start(*arguments, **options):
    """Start the program in a process of its own, with pipes to it and from it."""
    command = [sys.executable, "-m", "seqfit", *map(str, arguments)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, text=True, **pipes, **options)


def wait_for(path):
    deadline = time.monotonic() + 100
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def weights(folder):
    return dict(Fitter.load(folder / "fitter.safetensors").module.state_dict())


def test_standard_input_is_fitted_to_its_end(run, tmp_path):
    code, out, err = run(*STANDARD_INPUT, text=HEADER + "".join(ROWS))
    assert code == 0, err
    result = json.loads(out.splitlines()[-1])
    assert result["samples"] == len(X)
    assert result["scores"] is None
    assert 0 < result["loss"] < Y.std()
    scaling = result["model"]
    assert scaling["output_offset"] == [pytest.approx(Y[:1000].mean())]
    assert scaling["input_scale"] == [pytest.approx(X[:1000].std())]
    fitter = Fitter.load(tmp_path / "here" / "fitter.safetensors")
    assert fitter.samples_given == len(X)
    assert "mean loss before each of the last updates" in err


def test_standard_input_that_goes_on_is_gone_on_with_and_says_so(run, tmp_path):
    first, then = HEADER + "".join(ROWS[:2500]), "".join(ROWS[2500:])
    assert run(*STANDARD_INPUT, text=first)[0] == 0
    code, _, err = run("resume", "here", text=then)
    assert code == 0, err
    assert "going on after 2,500 samples with what comes next from standard input" in err
    assert run(*STANDARD_INPUT[:-3], "--run", "whole", text=first + then)[0] == 0
    assert states.same(weights(tmp_path / "here"), weights(tmp_path / "whole"))


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_before_all_first_samples_have_come_loses_none_of_them(run, tmp_path):
    process = start(*STANDARD_INPUT, cwd=tmp_path)
    process.stdin.write(HEADER + "".join(ROWS[:500]))
    process.stdin.flush()
    assert "waiting for samples" in process.stderr.readline()
    time.sleep(1)  # until it has them; with fewer the test would be weaker
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=100)
    assert Fitter.load(tmp_path / "here" / "fitter.safetensors").samples_given == 500
    code, out, err = run("resume", "here", "--json")
    assert code == 0, err
    assert json.loads(out.splitlines()[-1])["samples"] == 500
    assert "nan" not in err


@pytest.mark.parametrize(
    ("text", "options", "message", "kept"),
    [
        ("", [], "no sample has come, there is nothing to fit", None),
        (HEADER, [], "no sample has come, there is nothing to fit", None),
        ("valve;glow\n1;2\n", [], "standard input has no column 'flow'; did you mean 'glow'", None),
        (HEADER + "".join(ROWS[:9]), [], "9 samples have come, too few for an update", 9),
        (
            HEADER + "".join(ROWS[:2000]) + "1;NA\n",
            [],
            "standard input, line 2002 (row 2001), column 'flow': 'NA' is not a finite number",
            2000,
        ),
        (
            HEADER + "".join(ROWS[:300]) + "1;NA\n" + "".join(ROWS[300:2000]),
            [],
            "standard input, line 302 (row 301), column 'flow': 'NA' is not a finite number",
            300,
        ),
        (
            HEADER + "".join(ROWS[:300]) + "1e39;1\n",
            [],
            "standard input, line 302 (row 301), column 'valve': '1e39' is beyond 3.403e+38",
            300,
        ),
        (HEADER + "NA;1\n" + ROWS[0], [], "line 2 (row 1), column 'valve': 'NA' is not", None),
        (
            (HEADER + "".join(ROWS[:9])).replace("\n", "\r"),
            [],
            "standard input, line 1: a carriage return without a line feed",
            None,
        ),
        (HEADER, ["--recipe", "gru"], "give --samples, or take --recipe gru_live", None),
        (HEADER, ["--retries", "2"], "--retries is not for samples as they come", None),
        (HEADER, ["--time", "t"], "--time is not for samples as they come", None),
        (HEADER, ["--recipe", "auto"], "--recipe auto does not take --data", None),
        (
            HEADER,
            ["--schedule", "every_window:window=2,streams=3"],
            "the schedule runs 3 streams, but only one comes",
            None,
        ),
    ],
)
def test_bad_input_is_one_clear_line_and_keeps_what_was_fitted(
    run, tmp_path, text, options, message, kept
):
    code, out, err = run(*STANDARD_INPUT, *options, text=text)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("error: ")
    assert message in err
    if kept is None:
        assert not (tmp_path / "here").exists()
    else:
        fitter = Fitter.load(tmp_path / "here" / "fitter.safetensors")
        assert fitter.samples_given == kept


def test_what_came_before_a_wrong_row_is_gone_on_with(run, tmp_path):
    assert run(*STANDARD_INPUT, text=HEADER + "".join(ROWS[:300]) + "1;NA\n")[0] == 2
    code, out, err = run("resume", "here", "--json", text="".join(ROWS[300:600]))
    assert code == 0, err
    assert "going on after 300 samples" in err
    assert json.loads(out.splitlines()[-1])["samples"] == 600


def test_follow_needs_data(run):
    code, _, err = run("fit", "--follow", *COLUMNS)
    assert code == 2
    assert "--follow is for --data, which is missing" in err


def test_ctrl_c_ends_the_fit_of_a_slow_pipe_with_its_result(tmp_path):
    with start(*STANDARD_INPUT, "--checkpoint-every", 1100, cwd=tmp_path) as process:
        process.stdin.write(HEADER + "".join(ROWS[:1200]))
        process.stdin.flush()
        wait_for(tmp_path / "here" / "checkpoints")
        os.kill(process.pid, signal.SIGINT)  # while it waits for what never comes
        process.wait(timeout=60)
        out, err = process.stdout.read(), process.stderr.read()
    assert process.returncode == 130, err
    assert json.loads(out.splitlines()[-1])["interrupted"]
    assert Fitter.load(tmp_path / "here" / "fitter.safetensors").samples_given == 1200


def test_a_growing_file_killed_on_its_way_ends_with_the_weights_of_the_unkilled_fit(run, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(HEADER + "".join(ROWS[:3000]))
    fit = ["fit", "--data", "log.csv", "--follow", *COLUMNS, *MODEL, "--samples", len(X)]
    with start(*fit, "--run", "here", "--checkpoint-every", 500, cwd=tmp_path) as process:
        wait_for(tmp_path / "here" / "checkpoints")
        time.sleep(0.5)
        process.kill()
    with log.open("a") as file:
        file.writelines(ROWS[3000:])
    code, _, err = run("resume", "here")
    assert code == 0, err
    assert "samples, behind them in log.csv" in err
    assert run(*fit, "--run", "whole")[0] == 0
    assert states.same(weights(tmp_path / "here"), weights(tmp_path / "whole"))
    code, _, err = run("resume", "here")
    assert code == 2
    assert "has come to its end; there is nothing left" in err


def test_a_file_that_was_rotated_is_an_error_that_keeps_what_was_fitted(run, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(HEADER + "".join(ROWS[:1500]))
    with start(
        *("fit", "--data", "log.csv", "--follow", *COLUMNS, *MODEL, "--run", "here"), cwd=tmp_path
    ) as process:
        wait_for(tmp_path / "here" / "live.json")
        log.rename(tmp_path / "log.csv.1")
        process.wait(timeout=60)
        err = process.stderr.read()
    assert process.returncode == 2
    assert "error: log.csv was removed or renamed, after 1500 rows" in err
    assert Fitter.load(tmp_path / "here" / "fitter.safetensors").samples_given == 1500
