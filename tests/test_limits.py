"""How much is read of what anybody may have written."""

import time

import pyarrow
import pyarrow.parquet
import pytest

from seqfit import limits, tables
from seqfit.cli import main
from seqfit.cli.parts import parse_part
from seqfit.configuration import ConfigurationError, from_data, read_toml
from seqfit.fitting import CheckpointError, read_experiment
from seqfit.fitting.checkpoint import read_checkpoint, write_checkpoint
from seqfit.tables import TableError, read_columns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a" + ".a" * 400_000 + " = 1", "mine has a key of more than 64 parts"),
        ("[" + "a." * 400_000 + "a]", "mine has a key of more than 64 parts"),
        ('"="' + '."="' * 200_000 + " = 1", "mine has a key of more than 64 parts"),
        ("a = " + "[" * 400_000, "mine is nested too deep"),
        ("a = " + "[" * 70 + "]" * 70, "mine is nested more than 64 deep"),
        ("a = " + "9" * 5_000, "mine is not valid TOML: .*4300 digits"),
        ('"""\\' * 200_000, "mine is not valid TOML"),
    ],
    ids=range(7),
)
def test_toml_that_would_take_long_is_refused_at_once(text, message):
    begin = time.process_time()
    with pytest.raises(ConfigurationError, match=message):
        read_toml(text, "mine")
    assert time.process_time() - begin < 2


def test_dots_in_values_and_comments_are_no_parts_of_keys():
    text = f"a = \"{'x.' * 100}\" # {'x.' * 100}\nb = [{'0.5, ' * 100}]\nc = '''\n{'.' * 100}'''"
    assert set(read_toml(text)) == {"a", "b", "c"}


def test_an_experiment_that_is_too_long_is_named(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text("#" * (limits.TEXT_BYTES + 1))
    with pytest.raises(ConfigurationError, match="experiment.toml is longer than the 1,048,576"):
        read_experiment(path)


def test_a_wrong_experiment_is_named_with_its_file(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text('[model]\nname = "os:system"\n[schedule]\nname = "every_window"\n')
    with pytest.raises(ValueError, match=r"in .*experiment.toml: no model is named 'os:system'"):
        read_experiment(path)


@pytest.mark.parametrize("value", [10**400, -(10**400)])
def test_a_number_beyond_all_floats_is_refused_as_others_are(value):
    with pytest.raises(ConfigurationError, match="gain must be a finite number, got -?1000"):
        from_data("targets", {"name": "saturated_integral", "gain": value})


def test_what_is_no_literal_is_refused_by_the_constructor():
    data = {"name": "truncated_bptt", "k1": 2, "k2": 4, "loss_on": 3}
    with pytest.raises(ConfigurationError, match="loss_on must be one of .*, got 3"):
        from_data("schedules", data)


@pytest.mark.parametrize("text", ["gru:name='rnn'", "gru:hidden=3}\n[other]\nx={y=1"])
def test_a_part_on_the_command_line_holds_settings_alone(text):
    with pytest.raises(ConfigurationError, match="is more than settings"):
        parse_part("models", text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("u,y\n1,2\n" + "3" * 2_000_000, "line 3: it is longer than the 1,048,576 characters"),
        ("u" * 2_000_000, "line 1: it is longer than the 1,048,576 characters"),
        ('u,y\n"' + "1\n" * 200_000, "is not a CSV file: field larger than field limit"),
        ("u,y\n1," + "x" * 1_000, r"column 'y': 'x{80}' and so on is not a finite number"),
        (",".join("abcdefghijklmnop"), "it has: a, b, c, d, e, f, g, h, i, j and 6 more"),
        ("\x1b[2Ju,v", r"it has: \\x1b\[2Ju, v"),
    ],
    ids=range(6),
)
def test_a_table_is_read_line_by_line_and_shown_in_short(text, message, tmp_path):
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(TableError, match=message):
        read_columns(tmp_path / "table.csv", ["u", "y"])


def test_a_table_says_how_many_rows_it_has_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROWS", 2)
    pyarrow.parquet.write_table(pyarrow.table({"u": [1.0] * 3}), tmp_path / "table.parquet")
    with pytest.raises(TableError, match="says that it has 3 rows, more than the 2 that are read"):
        read_columns(tmp_path / "table.parquet", ["u"])


def test_what_could_not_be_read_is_not_written(tmp_path):
    numbers = [0.123456789] * (limits.HEADER_BYTES // 12)
    with pytest.raises(ValueError, match="a state should hold many numbers as arrays"):
        write_checkpoint(tmp_path / "c", {}, numbers)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_opened_is_named(tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "c", {}, 1)
    monkeypatch.setattr("pathlib.Path.open", _fails)
    with pytest.raises(CheckpointError, match="c can't be read: Input/output error"):
        read_checkpoint(tmp_path / "c")


def _fails(*_arguments, **_options):
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not say what was searched for: Expecting value"),
        ("[]", "does not say what was searched for: list indices"),
        ('{"seed": 0, "samples": 10}', "does not say what was searched for: there is no 'parts'"),
        ('{"parts": {"signal": {"name": "os:system"}}}', "no signal is named 'os:system'"),
        ("[" * 100_000, "is nested too deep"),
    ],
    ids=range(5),
)
def test_a_damaged_search_is_named(text, message, tmp_path, capsys):
    (tmp_path / "search.json").write_text(text)
    with pytest.raises(SystemExit) as end:
        main(["resume", str(tmp_path)])
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert f"{tmp_path / 'search.json'}" in said
    assert message in said
