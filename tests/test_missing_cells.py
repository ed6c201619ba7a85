"""Cells without a number, in files, in memory and in live rows: an error, or a mask on outputs."""

import itertools

import attrs
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import scipy.io

from seqfit import Fitter, states
from seqfit.evaluation.missing import missing_in_words
from seqfit.fitting import TorchOptimizer, from_toml, to_toml
from seqfit.live import GrowingFile, Iterated, Pipe
from seqfit.models import GRU, Scaled
from seqfit.published import cascaded_tanks
from seqfit.recordings import Recording, pair
from seqfit.schedules import EveryWindow, TruncatedBPTT
from seqfit.tables import TableError

RNG = np.random.default_rng(0)
ROWS = 400
U = RNG.uniform(size=ROWS)
Y = 40 + np.convolve(U, [0.5, 0.3, 0.2])[:ROWS]
GONE = RNG.random(ROWS) < 0.25
GONE[:3] = True, False, False
WORDS = itertools.cycle(["", "NaN", "nan", "NA", "n/a", "null", "None", "  "])
FORMS = ["csv", "semicolons", "parquet", "npz", "mat", "memory", "masked"]
INPUT_HINT = r"an input may not be missing: missing='mask' \(--missing mask\) is for outputs alone"
HINT = r"an output may be missing where missing='mask' \(--missing mask\) says so, an input may not"


def written(form, folder, u=U, y=Y, gone=GONE):
    """A source that holds u and y, of which some y are missing."""
    path = folder / f"data.{form}"
    masked = np.where(gone, np.nan, y)
    if form in ("csv", "semicolons"):
        cells = [next(WORDS) if g else repr(float(b)) for b, g in zip(y, gone, strict=True)]
        rows = [f"{a!r};{b}" for a, b in zip(u.tolist(), cells, strict=True)]
        text = "\n".join(["u;y", *rows, ""])
        path.write_text(text if form == "semicolons" else text.replace(";", ","))
    elif form == "parquet":
        some = [
            None if g and i % 2 else b for i, (b, g) in enumerate(zip(masked, gone, strict=True))
        ]
        pyarrow.parquet.write_table(pyarrow.table({"u": u, "y": some}), path)
    elif form == "npz":
        np.savez(path, u=u, y=masked)
    elif form == "mat":
        scipy.io.savemat(path, {"u": u, "y": masked})
    elif form == "memory":
        return {"u": u, "y": masked}
    else:
        return {"u": u, "y": np.ma.array(y, mask=gone)}
    return path


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_output_is_an_error_or_a_mask_as_one_says(form, tmp_path):
    source = written(form, tmp_path)
    with pytest.raises(TableError, match=f"column 'y'.*{HINT}"):
        pair(source, "u", "y")
    signal, target = pair(Recording(source, missing="mask"), "u", "y")
    x, _ = signal.generate(signal.start(1, 0), ROWS)
    y, _ = target.transform(x, target.start(1))
    np.testing.assert_array_equal(y[:, 0, 0], np.where(GONE, np.nan, Y).astype(np.float32))
    assert target.has_missing
    assert target.count_missing() == (GONE.sum(), ROWS)
    assert target.bounds == (Y[~GONE].min(), Y[~GONE].max())


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_input_is_an_error_that_says_so(form, tmp_path):
    source = written(form, tmp_path)
    with pytest.raises(TableError, match=f"column 'y'.*{INPUT_HINT}"):
        pair(Recording(source, missing="mask"), "y", "u")


@pytest.mark.parametrize("form", FORMS)
def test_what_is_infinite_is_an_error_that_no_mask_takes_away(form, tmp_path):
    source = written(form, tmp_path, y=np.where(np.arange(ROWS) == 7, np.inf, Y), gone=GONE & False)
    for missing in ("error", "mask"):
        with pytest.raises(TableError, match="finite") as error:
            Recording(source, missing=missing).columns(["y"])
        assert "mask" not in str(error.value)


@pytest.mark.parametrize("cell", ["x", "1_0", "-", "missing", "1e999"])
def test_words_that_mean_something_else_are_no_missing_cells(tmp_path, cell):
    path = tmp_path / "data.csv"
    path.write_text(f"u,y\n1,2\n1,{cell}\n")
    with pytest.raises(TableError, match=f"column 'y': '{cell}' is not a finite number$"):
        Recording(path, missing="mask").columns(["y"])


def test_a_column_of_times_has_no_gaps_to_mask(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("t,u,y\n0,1,\n,1,2\n2,1,3\n")
    with pytest.raises(TableError, match="column 't': '' is not a time$"):
        Recording(path, time="t", missing="mask").columns(["y"])
    days = np.array(["2026-01-01", "NaT", "2026-01-03"], "datetime64[D]")
    np.savez(tmp_path / "data.npz", t=days, y=np.zeros(3))
    for source in (tmp_path / "data.npz", {"t": days, "y": np.zeros(3)}):
        with pytest.raises(
            TableError, match="column 't' must be finite, got nan at row 2, index 1$"
        ):
            Recording(source, time="t", missing="mask").columns(["y"])


def test_recordings_with_the_same_gaps_are_the_same():
    data = {"u": U, "y": np.where(GONE, np.nan, Y)}
    assert Recording(data, missing="mask") == Recording(data, missing="mask")
    assert Recording(data, missing="mask") != Recording(data)
    with pytest.raises(ValueError, match="missing must be one of error, mask, got 'skip'"):
        Recording(data, missing="skip")


@pytest.mark.parametrize("stretch", ["train", "test"])
def test_a_stretch_without_any_output_is_an_error(stretch):
    y = Y.copy()
    y[slice(0, 280) if stretch == "train" else slice(340, None)] = np.nan
    recording = Recording({"u": U, "y": y}, "train", missing="mask")
    with pytest.raises(
        ValueError, match=rf"stretch '{stretch}' has no output: all \d+ cells of 'y'"
    ):
        pair(recording, "u", "y")[1].held_out()


def fitter(signal, target, **parts):
    known = {
        "model": GRU(hidden=4, head=()),
        "schedule": TruncatedBPTT(k1=7, k2=20),
        "optimizer": TorchOptimizer("Adam", {"lr": 1e-2}),
        "missing": "mask",
    }
    return Fitter(signal, target, **(known | parts))


def weights(fitted):
    return dict(fitted.module.state_dict())


def test_a_fit_learns_and_scores_what_is_there_alone(tmp_path):
    """It is the fit of the same samples given as arrays; scores are those of what is there."""
    recording = Recording(written("csv", tmp_path), "train", repeat=True, missing="mask")
    signal, target = pair(recording, "u", "y")
    x, y = recording.inputs(["u"]), recording.columns(["y"])
    model = Scaled.to_data(GRU(hidden=4, head=()), x, y)
    fitted = fitter(signal, target, model=model).fit(700)
    masked = np.where(GONE, np.nan, Y)[:280].astype(np.float32)
    given = fitter(None, None, model=model)
    twice = np.tile(recording.inputs(["u"])[:, 0, 0], 3)[:700]
    given.partial_fit(twice, np.tile(masked, 3)[:700])
    assert states.same(weights(fitted), weights(given))
    scores, test = fitted.evaluate(), slice(340, None)
    assert scores.samples == (~GONE[test]).sum()
    error = fitted.predict(U[test])[~GONE[test]] - Y[test][~GONE[test]].astype(np.float32)
    assert scores.mae == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert fitted.report.missing == given.report.missing == np.isnan(np.tile(masked, 3)[:700]).sum()
    assert (
        missing_in_words(fitted) == f"{GONE[:280].sum()} of 280 output cells of the stretch 'train'"
    )


def test_scales_are_those_of_the_training_cells_that_are_there(tmp_path):
    recording = Recording(written("npz", tmp_path), "train", missing="mask")
    scaled = Scaled.to_data(GRU(), recording.inputs(["u"]), recording.columns(["y"]))
    seen = Y[:280][~GONE[:280]]
    assert scaled.output_offset == (pytest.approx(seen.mean(), rel=1e-12),)
    assert scaled.output_scale == (pytest.approx(seen.std(), rel=1e-12),)
    none = np.full((5, 1, 2), np.nan)
    none[:, :, 0] = 1.0
    with pytest.raises(ValueError, match="output channel 1 can't be scaled: all of its 5 samples"):
        Scaled.to_data(GRU(), np.ones((5, 1, 1)), none)
    with pytest.raises(ValueError, match="input_offset must be one or more finite numbers"):
        Scaled.to_data(GRU(), np.full((5, 1, 1), np.nan), np.ones((5, 1, 1)))


def test_masked_columns_of_several_streams_and_outputs(tmp_path):
    y = RNG.uniform(size=(100, 3, 2))
    y[RNG.random(y.shape) < 0.3] = np.nan
    columns = {"u": RNG.uniform(size=(100, 3)), "y": y[..., 0], "z": y[..., 1]}
    np.savez(tmp_path / "data.npz", **columns)
    recording = Recording(tmp_path / "data.npz", missing="mask")
    signal, target = pair(recording, "u", ["y", "z"])
    fitted = fitter(signal, target, schedule=EveryWindow(5, streams=3)).fit(300)
    assert fitted.report.missing == np.isnan(y).sum()
    expected = fitter(None, None, schedule=EveryWindow(5, streams=3))
    expected.partial_fit(columns["u"][..., None], y)
    assert states.same(weights(fitted), weights(expected))


def test_the_experiment_is_written_and_read_back(tmp_path):
    source = written("csv", tmp_path)
    signal, target = pair(Recording(source, "train", repeat=True, missing="mask"), "u", "y")
    experiment = fitter(signal, target, samples=300).experiment
    again = from_toml(to_toml(experiment))
    assert again == experiment
    assert states.same(weights(Fitter.of(again).fit()), weights(Fitter.of(experiment).fit()))
    with pytest.raises(ValueError, match="outputs of the target may be missing: .*missing='mask'"):
        attrs.evolve(experiment, missing="error")


def test_a_fit_that_was_saved_goes_on_and_counts_on(tmp_path):
    source = written("parquet", tmp_path)
    signal, target = pair(Recording(source, "train", repeat=True, missing="mask"), "u", "y")
    whole = fitter(signal, target).fit(500)
    half = fitter(signal, target).fit(211)
    half.save(tmp_path / "fit.safetensors")
    resumed = Fitter.load(tmp_path / "fit.safetensors").fit(289)
    assert states.same(weights(resumed), weights(whole))
    assert resumed.report.missing == whole.report.missing > 0


def test_a_published_record_with_gaps_is_scored_where_it_was_observed(tmp_path):
    u, y, gone = RNG.normal(size=1024), RNG.normal(size=1024), RNG.random(1024) < 0.4
    gone[2] = True  # within the washout
    columns = {"uEst": u, "uVal": u, "yEst": y, "yVal": np.where(gone, np.nan, y)}
    scipy.io.savemat(tmp_path / "dataBenchmark.mat", columns)
    with pytest.raises(TableError, match=f"'yVal' must be finite, got nan.*{HINT}"):
        cascaded_tanks(tmp_path)
    benchmark = cascaded_tanks(tmp_path, missing="mask")
    fitted = fitter(*benchmark.pair()).fit(200)
    scores = benchmark.scores(fitted)["test"]
    kept = np.flatnonzero(~gone[5:]) + 5
    assert scores.samples == len(kept)
    assert scores.mae == pytest.approx(np.abs(fitted.predict(u)[kept] - y[kept]).mean(), rel=1e-5)
    with pytest.raises(ValueError, match="missing must be one of error, mask, got 'no'"):
        cascaded_tanks(tmp_path, missing="no")


def text_of(gone=GONE):
    cells = [next(WORDS) if g else repr(float(b)) for b, g in zip(Y, gone, strict=True)]
    return "u,y\n" + "".join(f"{a!r},{b}\n" for a, b in zip(U.tolist(), cells, strict=True))


def live_sources(folder, missing):
    """The same rows from a growing file, a pipe, and an iterator by samples and by chunks."""
    path = folder / "log.csv"
    path.write_text(text_of())
    yield GrowingFile(path, "u", "y", missing=missing)
    with path.open() as file:
        yield Pipe(file, "u", "y", missing=missing)
    masked = np.where(GONE, np.nan, Y)
    yield Iterated(zip(U, masked, strict=True), missing=missing)
    yield Iterated([(U, masked)], chunks=True, missing=missing)
    yield Iterated([(U, np.ma.array(Y, mask=GONE))], chunks=True, missing=missing)


def test_live_rows_with_gaps_are_fitted_as_the_same_samples_at_once(tmp_path):
    expected = fitter(None, None).partial_fit(U, np.where(GONE, np.nan, Y))
    for source in live_sources(tmp_path, "mask"):
        live = fitter(None, None).fit_live(source, ROWS)
        assert states.same(weights(live), weights(expected))
        assert live.report.missing == expected.report.missing > 0
        assert missing_in_words(live) == f"{live.report.missing} of 399 outputs that were fitted"


def test_live_rows_with_gaps_are_an_error_by_default_and_inputs_always(tmp_path):
    for source in live_sources(tmp_path, "error"):
        with pytest.raises(ValueError, match=HINT):
            fitter(None, None).fit_live(source, ROWS)
    path = tmp_path / "inputs.csv"
    path.write_text("u,y\n,1\n")
    for source, message in (
        (GrowingFile(path, "u", "y", missing="mask"), INPUT_HINT),
        (Iterated([(np.nan, 1.0)], missing="mask"), INPUT_HINT),
        (Iterated([(0.0, np.inf)], missing="mask"), r"finite, got array\(\[inf\]\)$"),
    ):
        with pytest.raises(ValueError, match=message):
            source.read(9)
    for build in (
        lambda: GrowingFile(path, "u", "y", missing="no"),
        lambda: Iterated([], missing="no"),
    ):
        with pytest.raises(ValueError, match="missing must be one of error, mask, got 'no'"):
            build()


def test_a_growing_file_with_gaps_is_gone_on_with_bit_for_bit(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(text_of())
    whole = fitter(None, None).fit_live(GrowingFile(path, "u", "y", missing="mask"), ROWS)
    first = fitter(None, None).fit_live(GrowingFile(path, "u", "y", missing="mask"), 123)
    first.save(tmp_path / "fit.safetensors")
    resumed = Fitter.load(tmp_path / "fit.safetensors")
    rest = GrowingFile(path, "u", "y", first=resumed.samples_given, missing="mask")
    resumed.fit_live(rest, ROWS - 123)
    assert states.same(weights(resumed), weights(whole))
    assert resumed.report.missing == whole.report.missing


def test_masked_arrays_are_missing_where_they_are_masked():
    masked, nan = np.ma.array(Y, mask=GONE), np.where(GONE, np.nan, Y)
    found = fitter(None, None).partial_fit(U, masked)
    assert states.same(weights(found), weights(fitter(None, None).partial_fit(U, nan)))
    assert found.score(U, masked) == found.score(U, nan)
    assert found.score(U, masked).samples == (~GONE).sum()
    strict = fitter(None, None, missing="error")
    with pytest.raises(ValueError, match="y must be finite, got nan at time 0"):
        strict.partial_fit(U, masked)
    with pytest.raises(ValueError, match="y must be finite; missing='mask' leaves out"):
        strict.partial_fit(U, Y).score(U, masked)
