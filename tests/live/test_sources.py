"""Samples that come once: from iterators, pipes and growing files."""

import itertools
import os
import threading
import time

import numpy as np
import pytest

from seqfit.live import GrowingFile, Iterated, Pipe
from seqfit.tables import TableError


def read_all(source, most=1000):
    """What a source gives until its end, in one piece, and the lengths of its chunks."""
    chunks = list(itertools.takewhile(lambda c: c is not None, iter(lambda: source.read(most), 0)))
    xs, ys = zip(*(chunk for chunk in chunks if len(chunk[0])), strict=True)
    return np.concatenate(xs), np.concatenate(ys), [len(x) for x in xs]


@pytest.fixture
def pipe():
    """Both ends of a pipe of the system."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as sink:
        yield source, sink


class TestIterators:
    @pytest.mark.parametrize("most", [1, 7, 1000])
    def test_samples_and_chunks_of_any_size_come_in_order(self, most):
        x, y = np.arange(20.0), np.arange(40.0).reshape(20, 2)
        for source in (
            Iterated(zip(x, y, strict=True)),
            Iterated(((x[i : i + 6], y[i : i + 6]) for i in range(0, 20, 6)), chunks=True),
        ):
            got = read_all(source, most)
            np.testing.assert_array_equal(got[0], x)
            np.testing.assert_array_equal(got[1], y)
            assert max(got[2]) <= most
            assert source.read(most) is None

    def test_no_more_is_taken_than_is_asked_for(self):
        taken = itertools.count()
        source = Iterated((0.0, float(number)) for number in taken)
        for wanted in (1, 10, 3):
            assert len(source.read(wanted)[0]) == wanted
        assert next(taken) == 14

    def test_a_slow_iterator_is_not_waited_for_until_a_chunk_is_full(self):
        def slow():
            for i in range(8):
                time.sleep(0.06)
                yield float(i), 0.0

        _, _, lengths = read_all(Iterated(slow()))
        assert len(lengths) > 1

    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            ((np.nan, 0.0), "sample 4 of the iterator: x must be finite, got array"),
            ((1e39, 0.0), r"sample 4 of the iterator: x is beyond 3.403e\+38, .*got array"),
            ((0.0, "on"), "sample 4 of the iterator: y must hold real numbers"),
            ((0.0, [1.0, 2.0]), r"must have the shapes \(\) and \(\) of the first, got \(\)"),
            (0.0, r"sample 4 of the iterator must be a pair \(x, y\), got 0.0"),
        ],
    )
    def test_what_is_wrong_is_named_after_all_before_it_was_read(self, bad, message):
        source = Iterated([(0.0, 0.0)] * 3 + [bad] + [(0.0, 0.0)])
        assert len(source.read(100)[0]) == 3
        for _ in range(2):
            with pytest.raises(ValueError, match=message):
                source.read(100)

    def test_chunks_must_be_equally_long(self):
        source = Iterated([([1.0], [1.0, 2.0])], chunks=True)
        with pytest.raises(ValueError, match=r"equally long arrays, got the shapes \(1,\) and \(2"):
            source.read(9)

    def test_what_was_taken_before_ctrl_c_is_not_lost(self):
        class Pressed:
            items = iter([(1.0, 1.0), (2.0, 2.0), KeyboardInterrupt(), (3.0, 3.0)])

            def __iter__(self):
                return self

            def __next__(self):
                item = next(self.items)
                if isinstance(item, KeyboardInterrupt):
                    raise item
                return item

        source = Iterated(Pressed())
        with pytest.raises(KeyboardInterrupt):
            source.read(9)
        np.testing.assert_array_equal(source.read(9)[0], [1.0, 2.0, 3.0])


class TestPipes:
    def test_rows_come_as_they_are_written_in_whatever_pieces(self, pipe):
        source, sink = pipe
        rows = Pipe(source, "u", ["y", "z"])
        for piece in (b"t;u;y;z\n0;1,5", b";2;3\r\n1;2,5;", b"4;5"):
            sink.write(piece)
        assert rows.header is None
        x, y = rows.read(9)
        np.testing.assert_array_equal(x, [[1.5]])
        np.testing.assert_array_equal(y, [[2.0, 3.0]])
        assert rows.header == "t;u;y;z"
        assert len(rows.read(9)[0]) == 0  # the line has not ended yet
        sink.write(b"\n\n\r\n")  # blank lines at the end
        sink.close()
        np.testing.assert_array_equal(rows.read(9)[1], [[4.0, 5.0]])
        assert rows.read(9) is None

    @pytest.mark.parametrize("first_line", [b"", b"u,y\n"])
    def test_a_known_header_may_come_again_or_not(self, pipe, first_line):
        source, sink = pipe
        sink.write(first_line + b"1,2\n")
        np.testing.assert_array_equal(Pipe(source, "u", "y", header="u,y").read(9)[1], [[2.0]])

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"u,y\n1,2\n3,x\n", r"input, line 3 \(row 2\), column 'y': 'x' is not a finite numb"),
            (b"u,y\n1,2\n3,\n", r"line 3 \(row 2\), column 'y': '' is not a finite number"),
            (b"u,y\n1,2\n3\n", "line 3: 1 cells, but the header has 2 columns"),
            (b"u,y\n1,2\n\xff,3\n", "line 3 is not text in UTF-8"),
            (b"u,y\n1,2\n\n\n3,4\n", "input, line 3: it is blank, but rows follow; remove it, or"),
            (b"u;y\n1,5;2\n3;2.432\n", r"line 3 \(row 2\), column 'y': '2.432' has a point, but"),
            (b"u,y\n1,2\n3,-1e39\n", r"line 3 \(row 2\), column 'y': '-1e39' is beyond 3.403e\+38"),
            (b"u,y\r1,2\r3,4\r", "input, line 1: a carriage return without a line feed"),
            (b"u,y\n1,2\r3,4\n", "input, line 2: a carriage return without a line feed"),
            (b"u,y\n1," + b"2" * 2**18 + b"\n", "line 2 is not a line of CSV: field larger than"),
            (b"u,yy\n1,2\n", "standard input has no column 'y'; did you mean 'yy'"),
            (b"u,y\n1,2\n" + b"3" * (2**20 + 1), "line 3: more than 1048576 bytes without the"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_place(self, pipe, text, message):
        source, sink = pipe
        writer = threading.Thread(target=lambda: (sink.write(text), sink.close()))
        writer.start()
        rows = Pipe(source, "u", "y")
        try:
            with pytest.raises(TableError, match=message):
                read_all(rows)
        finally:
            while os.read(source.fileno(), 2**16):
                pass
            writer.join()

    def test_a_slow_reader_slows_down_whoever_writes(self, pipe):
        """A writer that would write for ever is held up by what the pipe and a buffer hold."""
        source, sink = pipe
        row = b"0.5,0.25\n"
        written = itertools.count()

        def write_on():
            with sink:
                sink.write(b"u,y\n")
                for _ in written:
                    try:
                        sink.write(row)
                    except BrokenPipeError:
                        return

        writer = threading.Thread(target=write_on)
        writer.start()
        rows, read = Pipe(source, "u", "y"), 0
        while read < 300:
            read += len(rows.read(min(100, 300 - read))[0])
            time.sleep(0.2)  # a slow fit, in which the writer could write 100,000s of rows
        source.close()
        writer.join()
        assert next(written) <= read + 2 * 2**16 / len(row) + 2


class TestGrowingFiles:
    def test_rows_are_taken_once_their_line_has_ended(self, tmp_path):
        path = tmp_path / "log.csv"
        path.write_text("u,y\n1,2\n3,")
        source = GrowingFile(path, "u", "y")
        np.testing.assert_array_equal(source.read(9)[0], [[1.0]])
        assert len(source.read(9)[0]) == 0
        with path.open("a") as file:
            file.write("4\n5,6\n")
        np.testing.assert_array_equal(source.read(9)[1], [[4.0], [6.0]])

    def test_rows_that_were_fitted_before_are_left_out(self, tmp_path):
        path = tmp_path / "log.csv"
        path.write_text("u,y\n" + "".join(f"{i},{-i}\n" for i in range(30_000)))
        source = GrowingFile(path, "u", "y", first=20_000)
        x = np.concatenate([source.read(999)[0].reshape(-1, 1) for _ in range(30)])
        np.testing.assert_array_equal(x[:, 0], np.arange(20_000, 30_000))

    def test_a_file_that_was_rotated_or_cut_is_an_error(self, tmp_path):
        path, text = tmp_path / "log.csv", "u,y\n1,2\n"

        def cut():
            path.write_text("u,y\n")

        def replace():
            path.unlink()
            path.write_text(text)

        for change, message in (
            (path.unlink, "was removed or renamed, after 1 rows"),
            (replace, "was replaced by another file"),
            (cut, "was cut to 4 bytes, 8 were read"),
        ):
            path.write_text(text)
            source = GrowingFile(path, "u", "y")
            assert len(source.read(9)[0]) == 1
            with (tmp_path / "held").open("w"):  # so that its number is not given again
                change()
            with pytest.raises(OSError, match=message):
                source.read(9)
            source.close()
        path.write_text(text)
        short = GrowingFile(path, "u", "y", first=3)
        assert len(short.read(9)[0]) == 0
        with pytest.raises(OSError, match="has 1 rows, but 3 were fitted before"):
            short.read(9)

    def test_bad_arguments_are_refused(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no file at"):
            GrowingFile(tmp_path / "gone.csv", "u", "y")
        (tmp_path / "log.xlsx").write_bytes(b"PK")
        with pytest.raises(TableError, match=r"log.xlsx: \.xlsx is not read; save it as CSV"):
            GrowingFile(tmp_path / "log.xlsx", "u", "y")
        with pytest.raises(ValueError, match="first must be a non-negative int, got -1"):
            GrowingFile(tmp_path / "gone.csv", "u", "y", first=-1)
