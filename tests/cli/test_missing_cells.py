"""Fits of files and live rows with missing outputs, from the command line to the report."""

import json

import numpy as np
import pytest

from seqfit import Fitter, states

RNG = np.random.default_rng(0)
ROWS = 2000
U = np.repeat(RNG.uniform(size=ROWS // 10), 10)
Y = 40 + np.convolve(U, [0.5, 0.3, 0.2])[:ROWS]
GONE = RNG.random(ROWS) < 0.25
TRAIN, TEST = slice(0, 1400), slice(1700, None)
COLUMNS = ["--input", "u", "--output", "y"]
MODEL = ["--model", "rnn:hidden=4,head=[]"]
DATA = ["fit", "--data", "data.csv", *COLUMNS, *MODEL, "--samples", "5000"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a file with gaps in its output, and a run of it."""
    path = tmp_path_factory.mktemp("missing")
    cells = ["" if g else f"{y:.6f}" for y, g in zip(Y, GONE, strict=True)]
    rows = [f"{u:.6f},{cell}" for u, cell in zip(U, cells, strict=True)]
    (path / "data.csv").write_text("\n".join(["u,y", *rows, ""]))
    return path


@pytest.fixture
def run(run_in, folder):
    """Run a command in the folder."""
    return run_in(folder)


def weights(folder):
    return dict(Fitter.load(folder / "fitter.safetensors").module.state_dict())


@pytest.fixture
def fitted(folder, run):
    """The result and the words of the run ``masked``, which is made once."""
    if not (folder / "masked").exists():
        code, _, err = run(*DATA, "--missing", "mask", "--run", "masked")
        assert code == 0, err
        (folder / "words").write_text(err)
    return json.loads((folder / "masked/result.json").read_text()), (folder / "words").read_text()


def test_a_file_with_gaps_is_an_error_that_names_the_option(run, folder):
    first = int(np.flatnonzero(GONE)[0]) + 1
    code, out, err = run(*DATA, "--run", "refused")
    assert (code, out) == (2, "")
    assert err == (
        f"error: data.csv, line {first + 1} (row {first}), column 'y': '' is not a finite number; "
        "an output may be missing where missing='mask' (--missing mask) says so, an input may not\n"
    )
    assert not (folder / "refused").exists()


def test_a_masked_fit_says_what_was_missing_and_scores_the_rest(fitted):
    result, err = fitted
    assert f"missing, and left out: {GONE[TRAIN].sum()} of 1,400 output cells of the stretch" in err
    assert f"held-out stream of 300 samples, missing {GONE[TEST].sum()} of 300 outputs: MAE" in err
    assert result["missing"] == np.tile(GONE[TRAIN], 4)[: result["samples"]].sum()
    assert result["scores"]["samples"] == (~GONE[TEST]).sum()
    assert result["scores"]["nrmse"] < 0.5
    seen = Y[TRAIN][~GONE[TRAIN]]
    assert result["model"]["output_offset"] == [pytest.approx(seen.mean(), rel=1e-6)]
    assert result["model"]["output_scale"] == [pytest.approx(seen.std(), rel=1e-5)]


def test_its_experiment_gives_the_same_run_again(run, folder, fitted):
    code, _, err = run("fit", folder / "masked/experiment.toml", "--run", "again")
    assert code == 0, err
    assert states.same(weights(folder / "again"), weights(folder / "masked"))


def test_its_run_is_evaluated_diagnosed_and_reported(run, folder, fitted):
    cells = f"{GONE[TRAIN].sum()} of 1,400 output cells of the stretch 'train'"
    assert run("evaluate", "masked", "--horizons", "300")[0] == 0
    code, out, err = run("diagnose", "masked", "--seconds", "5", "--json")
    assert code == 0, err
    assert f"Missing: {cells}." in err
    assert json.loads(out.splitlines()[-1])["missing"] == cells
    code, _, err = run("report", "masked")
    assert code == 0, err
    page = (folder / "masked/report.html").read_text()
    assert f"Missing, and left out: {cells.replace(chr(39), '&#x27;')}." in page
    assert f"Missing, and not scored: {GONE[TEST].sum()} of 300 outputs." in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*DATA, "--missing", "maks"], "missing must be one of error, mask, got 'maks'; did you"),
        (["fit", "--missing", "mask"], "--recipe auto needs every output; for --missing mask name"),
        (
            ["fit", "--data", "data.csv", *COLUMNS, "--missing", "mask", "--recipe", "exact"],
            "LevenbergMarquardt needs every output, got missing='mask'",
        ),
        (
            ["fit", "--data", "data.csv", "--input", "y", "--output", "u", "--missing", "mask"],
            "column 'y': '' is not a finite number; an input may not be missing",
        ),
        (
            ["fit", "--data", "gone.csv", *COLUMNS, "--missing", "mask"],
            "has no output: all 70 cells of 'y' are missing",
        ),
        (
            ["fit", "--data", "gone.csv", *COLUMNS, "--output", "z", "--missing", "mask"],
            "all 70 cells of the output column 'y' in the training stretch are missing",
        ),
        (
            ["fit", "--data", "gone.csv", "--input", "u", "--output", "v", "--missing", "mask"],
            "the output column 'v' is constant, there is nothing to fit",
        ),
    ],
)
def test_what_can_not_be_is_one_clear_line_and_leaves_no_run(run, folder, arguments, message):
    rows = [f"{i},{'' if i < 80 else i},{i % 7},{'' if i % 5 else 1}" for i in range(100)]
    (folder / "gone.csv").write_text("\n".join(["u,y,z,v", *rows, ""]))
    code, out, err = run(*arguments, "--run", "refused")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("error: ")
    assert message in err
    assert not (folder / "refused").exists()


def test_a_target_that_misses_outputs_is_fitted_from_the_command_line(run):
    target = "missing:target={name='delay',samples=1},share=0.5"
    code, out, err = run(
        *("fit", "--target", target, *MODEL, "--samples", 2000, "--missing", "mask", "--json")
    )
    assert code == 0, err
    result = json.loads(out.splitlines()[-1])
    assert 0.4 < result["missing"] / result["samples"] < 0.6
    assert f"missing, and left out: {result['missing']:,} of 2,000 outputs that were fitted" in err


class TestLiveRows:
    FIT = ("fit", "--data", "-", *COLUMNS, *MODEL, "--engine", "windowed")

    def text(self, folder, rows=slice(None), header=True):
        first, *lines = (folder / "data.csv").read_text().splitlines(keepends=True)
        return (first if header else "") + "".join(lines[rows])

    def test_they_are_fitted_and_gone_on_with(self, run, folder):
        fit = [*self.FIT, "--missing", "mask"]
        code, _, err = run(*fit, "--run", "pipe", text=self.text(folder, slice(0, 1300)))
        assert code == 0, err
        model = Fitter.load(folder / "pipe/fitter.safetensors").model
        seen = Y[:1000][~GONE[:1000]]
        assert model.output_offset == (pytest.approx(seen.mean(), rel=1e-6),)
        code, _, err = run("resume", "pipe", text=self.text(folder, slice(1300, None), False))
        assert code == 0, err
        code, _, err = run(*fit, "--run", "whole", text=self.text(folder))
        assert code == 0, err
        assert states.same(weights(folder / "pipe"), weights(folder / "whole"))
        result = json.loads((folder / "whole/result.json").read_text())
        assert result["missing"] == GONE[: result["samples"]].sum()
        told = f"{result['missing']} of {result['samples']:,} outputs that were fitted"
        assert f"missing, and left out: {told}" in err
        again = ["fit", "whole/experiment.toml", "--data", "-", *COLUMNS, "--run", "live again"]
        code, _, err = run(*again, text=self.text(folder))  # as the experiment has it
        assert code == 0, err
        assert states.same(weights(folder / "live again"), weights(folder / "whole"))
        assert run("report", "whole")[0] == 0
        assert f"Missing, and left out: {told}." in (folder / "whole/report.html").read_text()

    @pytest.mark.parametrize(
        ("text", "options", "message"),
        [
            ("u,y\n1,\n", [], "line 2 (row 1), column 'y': '' is not a finite number; an output"),
            ("u,y\n,1\n", ["--missing", "mask"], "column 'u': '' is not a finite number; an input"),
            (
                "u,y\n" + "1,\n" * 1001,
                ["--missing", "mask"],
                "all 1,000 cells of the output column 'y' in the first 1,000 rows are missing",
            ),
            ("u,y\n1,2\n", ["--missing", "no"], "missing must be one of error, mask, got 'no'"),
        ],
    )
    def test_what_can_not_be_is_one_clear_line(self, run, folder, text, options, message):
        code, out, err = run(*self.FIT, *options, "--run", "refused", text=text)
        assert (code, out) == (2, "")
        assert err.splitlines()[-1].startswith("error: ")
        assert message in err
        assert not (folder / "refused").exists()
