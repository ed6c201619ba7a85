"""``seqfit diagnose``: findings in words and as data, and run folders that can't be read."""

import json
import re
import shutil

import pytest

from seqfit import Fitter, recipes
from seqfit.cli import main
from seqfit.cli.runs import RunFolder
from seqfit.fitting import to_toml
from seqfit.models import GRU
from seqfit.schedules import EveryWindow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run folder of a short fit by windows of 2."""
    path = tmp_path_factory.mktemp("runs") / "short"
    path.mkdir()
    experiment = recipes.gru(
        samples=1_500, model=GRU(hidden=4, head=()), schedule=EveryWindow(2), seed=3
    )
    (path / "experiment.toml").write_text(to_toml(experiment))
    Fitter.of(experiment).fit().save(path / "fitter.safetensors")
    return path


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return end.value.code or 0, out, err


def test_findings_are_printed_and_left_in_the_run_folder(folder, capsys):
    code, out, err = run(capsys, "diagnose", folder, "--seconds", "8", "--json")
    assert code == 0
    data = json.loads(out.splitlines()[-1])
    assert data == json.loads((folder / "diagnosis.json").read_text())
    assert data["findings"][0]["is_bad"]
    for finding in data["findings"]:
        assert finding["kind"].replace("_", " ") in err
    assert data["findings"][0]["words"] in " ".join(err.split())
    rows = [line.split("│") for line in err.splitlines() if line.startswith("│")]
    gains = {cells[1].strip().replace(" ", "_"): cells[-2].strip() for cells in rows}
    for finding in data["findings"]:
        none = "-" if finding["suggestion"] is None else "not tried"
        assert (gains[finding["kind"]] == none) == (finding["gain"] is None)
    assert "the diagnosis is in" in err
    assert data["fit_seconds"] > 0  # as far as a copy tells: this folder does not
    assert re.search(r"it took [\d.]+ s, [\d.,e+]+ times the [\d.e-]+ s of the fit", err)


def test_the_seconds_of_the_fit_are_those_of_the_run_folder(folder, tmp_path, capsys):
    told = tmp_path / "told"
    shutil.copytree(folder, told)
    (told / "time.json").write_text('{"seconds": 1234.5, "samples_timed": 1500}')
    code, out, err = run(capsys, "diagnose", told, "--seconds", "1", "--json")
    assert code == 0
    assert json.loads(out.splitlines()[-1])["fit_seconds"] == 1234.5
    assert "% of the 1.23e+03 s of the fit" in err
    (told / "time.json").write_text('{"seconds": "soon"}')
    (told / "result.json").write_text('{"seconds": 2.5}')
    assert RunFolder.open(told).seconds_of_fit() == 2.5


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: path, "no run folder at"),
        (lambda path: path.mkdir(), "is no run folder: it has no experiment.toml"),
        (lambda path: path.write_text(""), "is a file, not a run folder"),
    ],
)
def test_a_folder_that_is_none_is_named(tmp_path, capsys, prepare, message):
    prepare(tmp_path / "x")
    code, _, err = run(capsys, "diagnose", tmp_path / "x")
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


def test_a_run_that_did_not_come_to_its_end_and_one_that_is_damaged(folder, tmp_path, capsys):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "experiment.toml").write_bytes((folder / "experiment.toml").read_bytes())
    code, _, err = run(capsys, "diagnose", broken)
    assert code == 2
    assert "did not come to its end" in err
    whole = (folder / "fitter.safetensors").read_bytes()
    (broken / "fitter.safetensors").write_bytes(whole[: len(whole) // 2])
    code, _, err = run(capsys, "diagnose", broken)
    assert code == 2
    assert "fitter.safetensors" in err
    assert not (broken / "diagnosis.json").exists()


def test_seconds_that_are_none_are_refused(folder, capsys):
    code, _, err = run(capsys, "diagnose", folder, "--seconds", "-1")
    assert code == 2
    assert "seconds must be a positive, finite number, got -1.0" in err
