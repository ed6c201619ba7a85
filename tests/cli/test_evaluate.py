"""``seqfit evaluate``: what it prints and leaves behind."""

import json
import subprocess
import sys

import pytest

from seqfit.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    command = [sys.executable, "-m", "seqfit", "fit", "--samples", "1000", "--run", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_an_evaluation_is_printed_and_kept(folder, capsys):
    with pytest.raises(SystemExit) as end:
        main(["evaluate", str(folder), "--horizons", "1000,20000", "--json"])
    assert not end.value.code
    out, err = capsys.readouterr()
    data = json.loads(out.splitlines()[-1])
    assert json.loads((folder / "evaluation.json").read_text()) == data
    assert [horizon["length"] for horizon in data["horizons"]] == [1000, 20000]
    assert data["horizons"][1]["scores"]["mae"] < 3e-7
    low, high = (data["horizons"][1]["scores"]["mae_interval"][end] for end in ("low", "high"))
    assert low <= data["horizons"][1]["scores"]["mae"] <= high
    assert data["starts"]["one_step_ahead"]["max"] < 2e-6
    assert data["kinks"]["kinks"] > 100
    assert "the last tenth of the run" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--horizons", "many"], "--horizons takes whole numbers with commas between them"),
        (["--horizons", "0"], "horizons must be one or more positive ints"),
        (["--streams", "0"], "streams must be a positive int, got 0"),
    ],
)
def test_bad_arguments_are_named(folder, capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        main(["evaluate", str(folder), *arguments])
    assert end.value.code == 2
    assert message in capsys.readouterr().err
