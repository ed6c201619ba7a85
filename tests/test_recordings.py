"""Recorded data: files, stretches, and what is wrong in them."""

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import scipy.io
import scipy.sparse

from seqfit.recordings import Recording, pair
from seqfit.signals import Recorded
from seqfit.tables import TableError, read_columns


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file


@pytest.mark.parametrize(
    "text",
    [
        "u,y\n1,2\n3.5,-4e-1\n",
        "u;y\n1;2\n3,5;-0,4\n",
        "u;y\n1;2\n3.5;-0.4\n",
        "day;u;y\n31.01.2026;1;2\n01.02.2026;3,5;-0,4\n\n\n",
        "u\ty\n1\t2\n3.5\t-.4\n\n",
        "\ufeffu, y\r\n 1, 2\r\n3.5,-0.4\r\n",
        "time,u,y\nmonday,1,2\ntuesday,3.5,-0.4\n",
        '"u","y"\n"1","2"\n"3.5","-0.4"',
    ],
)
def test_a_csv_file_is_read_whatever_separates_it(write, text):
    columns = read_columns(write(text), ["u", "y"])
    np.testing.assert_allclose(columns["u"], [1, 3.5])
    np.testing.assert_allclose(columns["y"], [2, -0.4])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("u,y\n1,2\n3,oops\n", r"line 3 \(row 2\), column 'y': 'oops' is not a finite number"),
        ("u,y\n1,nan\n", r"line 2 \(row 1\), column 'y': 'nan' is not a finite number"),
        ("u,y\n1,1e999\n", "'1e999' is not a finite number"),
        ("u,y\n1_0,2\n", "'1_0' is not a finite number"),
        ("u,y\n1,\n", "column 'y': '' is not a finite number"),
        ("u,y\n1,2\n3,1e39\n", r"data.csv, line 3 \(row 2\), column 'y': '1e39' is beyond 3.403e"),
        ("u;y\n-1,1e300;2\n", "column 'u': '-1,1e300' is beyond 3.403e"),
        (
            "u;y\n1;1437,5\n3;2.432\n",
            r"data.csv, line 3 \(row 2\), column 'y': '2.432' has a point, but '1437,5' has a "
            "comma in line 2, column 'y'; a file has decimal points or decimal commas, not both",
        ),
        (
            "u;y\n2.432;1,5\n",
            "column 'y': '1,5' has a comma, but '2.432' has a point in line",
        ),
        ("u;y\n1;1.437,5\n", "'1.437,5' is not a finite number"),
        ("u,y\n1,2\n\n\n3,4\n", "data.csv, line 3: it is blank, but rows follow; remove it, or w"),
        ("u,y\r\n1,2\r\n\r\n3,4", "line 3: it is blank"),
        ("u,y\n1,2,3\n", "line 2: 3 cells, but the header has 2 columns"),
        ("u,yy\n1,2\n", "no column 'y'; did you mean 'yy'"),
        ("u,y,y\n1,2,3\n", "more than one column 'y'"),
        ("u,y\n", "holds no row"),
        ("", "no column 'u'"),
        (b"u,y\n\xff\xfe,1\n", "not text in UTF-8"),
    ],
)
def test_what_is_wrong_in_a_csv_file_is_named_with_its_place(write, text, message):
    with pytest.raises(TableError, match=message):
        read_columns(write(text), ["u", "y"])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file at .*gone.csv"):
        read_columns(tmp_path / "gone.csv", ["u"])


def test_parquet_is_read_and_its_faults_are_named(tmp_path, write):
    path = tmp_path / "data.parquet"
    table = {
        "u": [1, 2, 3],
        "y": [0.5, None, 1.5],
        "label": ["a", "b", "c"],
        "big": [1.0, 2.0, -1e300],
        "when": np.array(["2026-01-01"] * 3, "datetime64[s]"),
    }
    pyarrow.parquet.write_table(pyarrow.table(table), path)
    np.testing.assert_array_equal(read_columns(path, ["u"])["u"], [1, 2, 3])
    with pytest.raises(TableError, match="row 2, column 'y': None is not a finite number"):
        read_columns(path, ["y"])
    for name in ("label", "when"):
        with pytest.raises(TableError, match=f"'{name}' does not hold numbers"):
            read_columns(path, [name])
    with pytest.raises(TableError, match=r"row 3, column 'big': -1e\+300 is beyond 3.403e\+38"):
        read_columns(path, ["big"], optional=["big"])
    with pytest.raises(TableError, match="no column 'v'"):
        read_columns(path, ["v"])
    with pytest.raises(TableError, match="not a Parquet file"):
        read_columns(write("u,y\n", "text.parquet"), ["u"])


def test_stretches_follow_one_another_and_cover_everything():
    data = {"u": np.arange(100.0)}
    recording = Recording(data, held_out=(0.2, 0.1))
    parts = [recording.during(s).columns(["u"])[:, 0, 0] for s in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [70, 20, 10]
    np.testing.assert_array_equal(np.concatenate(parts), data["u"])


def test_signal_and_target_of_a_pair_play_the_same_rows():
    n = np.arange(10.0)
    signal, target = pair(Recording({"u": n, "v": -n, "y": n**2}, repeat=True), ["u", "v"], "y")
    x, _ = signal.generate(signal.start(1, seed=0), 25)
    y, _ = target.transform(x, target.start(1))
    np.testing.assert_array_equal(x[:, 0], np.stack([np.arange(25) % 10, -(np.arange(25) % 10)], 1))
    np.testing.assert_array_equal(y[:, 0, 0], (np.arange(25) % 10) ** 2)


def test_what_was_fitted_is_not_what_is_scored():
    recording = Recording({"u": np.arange(100.0), "y": np.zeros(100)}, stretch="train", repeat=True)
    signal, target = pair(recording, "u", "y")
    held_out = signal.held_out()
    assert held_out.length == 15
    x, _ = held_out.generate(held_out.start(1, 0), 15)
    np.testing.assert_array_equal(x.ravel(), np.arange(85, 100))
    assert target.held_out().recording == held_out.recording


def test_several_streams_lie_side_by_side():
    signal = Recorded({"u": np.arange(12.0).reshape(4, 3)}, "u")
    assert signal.max_streams == 3
    x, _ = signal.generate(signal.start(2, 0), 4)
    np.testing.assert_array_equal(x[..., 0], np.arange(12).reshape(4, 3)[:, :2])


def test_a_recording_that_ends_says_so():
    signal = Recorded({"u": np.zeros(5)}, "u")
    assert signal.length == 5
    with pytest.raises(ValueError, match="ends after 5 samples of each stream, 6 were asked for"):
        signal.generate(signal.start(1, 0), 6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Recorded({"u": [1.0, float("nan")]}, "u"), "must be finite, got nan at row 2"),
        (lambda: Recorded({"u": [1.0]}, "v"), "no column 'v'"),
        (
            lambda: Recorded({"u": [1.0], "v": [1.0, 2.0]}, ["u", "v"]),
            "^column 'v' has 2 samples, but column 'u' has 1; columns of one recording must",
        ),
        (
            lambda: Recorded({"u": np.zeros((4, 2)), "v": np.zeros((4, 3))}, ["u", "v"]),
            "column 'v' has 3 streams, but column 'u' has 2",
        ),
        (
            lambda: Recorded({"u": [1j, 2.0]}, "u"),
            "column 'u' does not hold numbers but complex",
        ),
        (lambda: Recorded({"u": ["on"]}, "u"), "column 'u' does not hold numbers: could not conv"),
        (lambda: Recorded({"u": [10**400]}, "u"), "column 'u' does not hold numbers: "),
        (
            lambda: Recorded({"u": np.array(["2026-01-01"], "datetime64[D]")}, "u"),
            r"column 'u' does not hold numbers but datetime64\[D\]; only the column of times may",
        ),
        (
            lambda: Recorded({"u": [0, 1e39]}, "u"),
            r"column 'u': 1e\+39 at row 2, index 1 is beyond",
        ),
        (
            lambda: Recorded({"u": [[0.0, 1.0], [2.0, -1e300]]}, "u"),
            r"-1e\+300 at row 2, index \[1, 1\] is beyond",
        ),
        (
            lambda: Recorded({"u": [np.finfo(np.longdouble).max]}, "u"),
            "column 'u'.* (finite|beyond)",
        ),
        (lambda: Recorded({"u": np.zeros((1, 1, 1))}, "u"), r"\(time,\) or \(time, streams\)"),
        (lambda: Recorded({"u": []}, "u"), "stretch 'all' of 0 recorded samples is empty"),
        (lambda: Recording({}, stretch="trian"), "did you mean 'train'"),
        (lambda: Recording({}, held_out=(0.5, 0.5)), "add up to less than 1"),
        (lambda: pair({"u": [1.0]}, "u", "u"), "can't be both input and output"),
    ],
)
def test_bad_recordings_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("stretch", ["all", "train", "test"])
@pytest.mark.parametrize("form", ["npz", "mat", "memory"])
def test_columns_of_unequal_length_are_no_pair(form, stretch, tmp_path):
    """Also where the stretches cut from them happen to be equally long."""
    columns, path = {"u": np.arange(100.0), "y": np.arange(101.0)}, tmp_path / f"a.{form}"
    if form == "memory":
        path = columns
    elif form == "npz":
        np.savez(path, **columns)
    else:
        scipy.io.savemat(path, columns)
    where = "^column" if form == "memory" else rf"^.*a\.{form}, column"
    with pytest.raises(ValueError, match=f"{where} 'y' has 101 samples, but column 'u' has 100;"):
        pair(Recording(path, stretch), "u", "y")
    with pytest.raises(ValueError, match=f"{where} 'u' has 100 samples, but column 'y' has 101;"):
        Recording(path, stretch, time="u").columns(["y"])


def test_inputs_of_other_streams_than_the_outputs_are_no_pair():
    columns = {"u": np.zeros((9, 2)), "v": np.zeros(9), "w": np.zeros((9, 1)), "y": np.zeros(9)}
    with pytest.raises(ValueError, match="column 'y' has 1 streams, but column 'u' has 2"):
        pair(columns, "u", "y")
    assert pair(columns, "w", "y")[0].max_streams == 1


def test_inputs_and_outputs_have_one_decimal_mark(write):
    path = write("u;y\n1.200;0,5\n3.500;0,7\n")
    with pytest.raises(TableError, match="column 'y': '0,5' has a comma, but '1.200' has a point"):
        pair(path, "u", "y")


def test_times_with_fractions_of_a_second_are_no_decimal_points(write):
    path = write("t;u\n2026-01-01T00:00:00.5;0,5\n2026-01-01T00:00:01.5;1,5\n")
    assert Recording(path, time="t").columns(["u"]).ravel().tolist() == [0.5, 1.5]
    with pytest.raises(TableError, match="column 't': '0.5' has a point, but '0,5' has a comma"):
        Recording(write("t;u\n0;0,5\n0.5;1\n"), time="t").columns(["u"])


@pytest.mark.parametrize("ending", ["xlsx", "xls", "ods", "h5", "hdf5", "feather", "json", "XLSX"])
def test_another_format_is_named_with_those_that_are_read(write, ending):
    message = rf"book\.{ending}: \.{ending.lower()} is not read; save it as CSV \(\.csv\), Parquet"
    with pytest.raises(TableError, match=message):
        pair(write(b"PK\x03\x04", f"book.{ending}"), "u", "y")


def test_something_else_is_no_recording():
    with pytest.raises(TypeError, match="a path or a mapping from column names to arrays, got int"):
        Recording(3)


def test_arrays_of_numpy_and_matlab_files_are_columns(tmp_path):
    u, y = np.arange(10.0), np.arange(20).reshape(10, 2)
    np.savez(tmp_path / "a.npz", u=u, y=y, names=np.array(["a", "b"]))
    scipy.io.savemat(tmp_path / "a.mat", {"u": u, "y": y, "notes": {"by": "hand"}})
    for name in ("a.npz", "a.mat"):
        recording = Recording(tmp_path / name)
        np.testing.assert_array_equal(recording.columns(["u"])[:, 0, 0], u)
        np.testing.assert_array_equal(recording.columns(["y"])[..., 0], y)


def test_what_is_wrong_in_an_array_file_is_named(tmp_path, write):
    days = np.array(["2026-01-01"], "datetime64[D]")
    np.savez(tmp_path / "a.npz", u=[1.0, np.nan], words=["a"], objects=np.array([{}]), days=days)
    np.savez(tmp_path / "big.npz", u=[1.0, 1e39])
    columns = {"u": [1.0, np.inf], "cube": np.zeros((2, 2, 2)), "thin": scipy.sparse.eye_array(3)}
    scipy.io.savemat(tmp_path / "a.mat", columns)
    np.save(tmp_path / "single.npz", np.zeros(3))
    (tmp_path / "single.npz.npy").rename(tmp_path / "single.npz")
    write(b"PK\x03\x04 no", "b.npz")
    write(b"no", "b.mat")
    write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF", "c.mat")
    for name, column, message in (
        ("a.npz", "u", "column 'u' must be finite, got nan at row 2"),
        ("a.npz", "v", "has no column 'v'"),
        ("a.npz", "words", "column 'words' does not hold numbers"),
        (
            "a.npz",
            "days",
            r"'days' does not hold numbers but datetime64\[D\]; only the column",
        ),
        ("big.npz", "u", r"big.npz, column 'u': 1e\+39 at row 2, index 1 is beyond 3.403e\+38"),
        ("a.npz", "objects", "is not an NPZ file of numbers"),
        ("single.npz", "u", "one array without a name"),
        ("b.npz", "u", "is not an NPZ file"),
        ("a.mat", "u", "column 'u' must be finite, got inf at row 2"),
        ("a.mat", "cube", r"must have the shape \(time,\) or \(time, streams\), got \(2, 2, 2\)"),
        ("a.mat", "thin", r"'thin' is not a plain array but a .*; save it as one.* with full\("),
        ("b.mat", "u", "is not a MATLAB file"),
        ("c.mat", "u", "version 7.3, which is not read; save it with '-v7'"),
    ):
        with pytest.raises(TableError, match=message):
            Recording(tmp_path / name).columns([column])


TIMES = ["2026-01-01T00:00:00", "2026-01-01 00:00:30", "2026-01-01T00:01:00+00:00"]


def test_a_column_of_times_gives_the_sampling_time(write, tmp_path):
    rows = "".join(f"{moment},{i}\n" for i, moment in enumerate(TIMES))
    path = write(f"when,u\n{rows}")
    assert Recording(path, time="when").sampling_time() == 30
    np.testing.assert_array_equal(Recording(path, time="when").columns(["u"])[:, 0, 0], range(3))
    moments = np.array([moment[:19].replace(" ", "T") for moment in TIMES], "datetime64[s]")
    table = pyarrow.table({"when": moments, "u": [0.0, 1.0, 2.0]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    np.savez(tmp_path / "a.npz", when=moments, u=[0.0, 1.0, 2.0])
    for name in ("a.parquet", "a.npz"):
        assert Recording(tmp_path / name, time="when").sampling_time() == 30
    assert Recording({"t": [0.0, 0.5, 1.0]}, time="t").sampling_time() == 0.5
    assert Recording({"t": moments.astype("datetime64[ms]")}, time="t").sampling_time() == 30
    assert Recording(path).sampling_time() is None


def test_missing_samples_are_an_error_that_names_the_first_row(write):
    path = write("t,u\n0,1\n0.02,1\n0.04,1\n0.1,1\n0.12,1\n")
    message = r"data.csv, row 4, column 't': 2 samples missing: time goes from 0.04 to 0.1, in step"
    with pytest.raises(ValueError, match=message):
        Recording(path, time="t").columns(["u"])
    assert len(Recording(path).columns(["u"])) == 5  # nobody said that t is a time
    for times, message in (
        ([0.0, 1.0, 2.0, 2.0, 3.0], "row 4, column 't': uneven"),
        ([3.0, 2.0, 1.0], "must go on, their usual step is -1"),
        ([3.0], "at least two times, got 1"),
    ):
        with pytest.raises(ValueError, match=message):
            Recording({"t": times, "u": times}, time="t").columns(["u"])
    with pytest.raises(TableError, match=r"line 3 \(row 2\), column 't': 'noon' is not a time"):
        Recording(write("t,u\n0,1\nnoon,1\n"), time="t").columns(["u"])
