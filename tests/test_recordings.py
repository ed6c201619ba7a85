"""Recorded data: files, stretches, and what is wrong in them."""

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import scipy.io

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
    table = {"u": [1, 2, 3], "y": [0.5, None, 1.5], "label": ["a", "b", "c"]}
    pyarrow.parquet.write_table(pyarrow.table(table), path)
    np.testing.assert_array_equal(read_columns(path, ["u"])["u"], [1, 2, 3])
    with pytest.raises(TableError, match="row 2, column 'y': None is not a finite number"):
        read_columns(path, ["y"])
    with pytest.raises(TableError, match="'label' does not hold numbers"):
        read_columns(path, ["label"])
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
        (lambda: Recorded({"u": [1.0], "v": [1.0, 2.0]}, ["u", "v"]), "one shape"),
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
    np.savez(tmp_path / "a.npz", u=[1.0, np.nan], words=["a"], objects=np.array([{}]))
    scipy.io.savemat(tmp_path / "a.mat", {"u": [1.0, np.inf], "cube": np.zeros((2, 2, 2))})
    np.save(tmp_path / "single.npz", np.zeros(3))
    (tmp_path / "single.npz.npy").rename(tmp_path / "single.npz")
    write(b"PK\x03\x04 no", "b.npz")
    write(b"no", "b.mat")
    write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF", "c.mat")
    for name, column, message in (
        ("a.npz", "u", "column 'u' must be finite, got nan at row 2"),
        ("a.npz", "v", "has no column 'v'"),
        ("a.npz", "words", "column 'words' does not hold numbers"),
        ("a.npz", "objects", "is not an NPZ file of numbers"),
        ("single.npz", "u", "one array without a name"),
        ("b.npz", "u", "is not an NPZ file"),
        ("a.mat", "u", "column 'u' must be finite, got inf at row 2"),
        ("a.mat", "cube", r"must have the shape \(time,\) or \(time, streams\), got \(2, 2, 2\)"),
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
