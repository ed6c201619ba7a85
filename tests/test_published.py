"""Published benchmarks: files in their layouts, official splits, official scores."""

import numpy as np
import pytest
import scipy.io
from scipy.signal import lfilter

from seqfit import Fitter, recipes
from seqfit.models import GRU
from seqfit.published import cascaded_tanks, coupled_drives, emps, silverbox, wiener_hammerstein
from seqfit.schedules import TruncatedBPTT
from seqfit.tables import TableError

RNG = np.random.default_rng(0)


def counted(samples):
    """An input that counts its samples, and an output that does so backwards."""
    return np.arange(samples, dtype=float), -np.arange(samples, dtype=float)


def ends(x):
    """First sample, last sample and length of what is one stream."""
    assert x.shape[1:] == (1, 1)
    return int(abs(x[0, 0, 0])), int(abs(x[-1, 0, 0])), len(x)


def test_the_silverbox_is_split_as_published(tmp_path):
    u, y = counted(131_072)
    scipy.io.savemat(tmp_path / "SNLS80mV.mat", {"V1": u[None], "V2": y[None]})  # rows, as there
    benchmark = silverbox(tmp_path)
    assert benchmark.sampling_time == pytest.approx(1 / 610.35)
    assert ends(benchmark.x) == ends(benchmark.y) == (40_650, 105_711, 65_062)
    tests = {name: (*ends(test.y), test.washout) for name, test in benchmark.tests.items()}
    assert tests == {
        "multisine": (105_712, 127_399, 21_688, 50),
        "arrow": (100, 40_574, 40_475, 50),
        "arrow_no_extrapolation": (100, 32_099, 32_000, 50),
    }
    signal, _ = benchmark.pair()
    assert len(signal.recording.during("train").columns("u")) == 65_062
    assert signal.held_out().length == 21_688


def test_the_wiener_hammerstein_record_is_split_as_published(tmp_path):
    u, y = counted(188_000)
    path = tmp_path / "WienerHammerBenchMark.mat"
    scipy.io.savemat(path, {"uBenchMark": u[:, None], "yBenchMark": y[:, None], "fs": 51200.0})
    for place in (tmp_path, path):
        benchmark = wiener_hammerstein(place)
        assert benchmark.sampling_time == pytest.approx(1.953e-5, rel=1e-3)
        assert ends(benchmark.x) == (5_200, 105_199, 100_000)
        assert ends(benchmark.tests["test"].y) == (105_200, 183_999, 78_800)
        assert benchmark.tests["test"].washout == 50
    signal, _ = benchmark.pair(validation=0.2)
    lengths = [
        len(signal.recording.during(s).columns("u")) for s in ("train", "validation", "test")
    ]
    assert lengths == [80_000, 20_000, 78_800]


@pytest.mark.parametrize("form", ["csv", "mat"])
def test_the_cascaded_tanks_are_split_as_published(tmp_path, form):
    columns = dict(zip(("uEst", "uVal", "yEst", "yVal"), RNG.normal(size=(4, 1024)), strict=True))
    if form == "mat":
        arrays = {name: column[:, None] for name, column in columns.items()}
        scipy.io.savemat(tmp_path / "dataBenchmark.mat", arrays | {"Ts": 4.0})
    else:  # the sampling time stands in the first row alone
        rows = [",".join(map(repr, row)) for row in np.stack([*columns.values()], 1).tolist()]
        rows = [f"{row},{'' if i else 4}" for i, row in enumerate(rows)]
        text = "\n".join(["uEst,uVal,yEst,yVal,Ts", *rows, ""])
        (tmp_path / "dataBenchmark.csv").write_text(text)
    benchmark = cascaded_tanks(tmp_path)
    np.testing.assert_array_equal(benchmark.x[:, 0, 0], columns["uEst"])
    np.testing.assert_array_equal(benchmark.y[:, 0, 0], columns["yEst"])
    test = benchmark.tests["test"]
    np.testing.assert_array_equal(test.x[:, 0, 0], columns["uVal"])
    np.testing.assert_array_equal(test.y[:, 0, 0], columns["yVal"])
    assert (benchmark.sampling_time, test.washout) == (4.0, 5)


def test_the_positioning_system_is_split_as_published(tmp_path):
    t = np.arange(500) * 1e-3
    for name, shift in (("DATA_EMPS.mat", 0), ("DATA_EMPS_PULSES.mat", 1000)):
        arrays = {"qm": t + shift, "qg": t, "t": t, "vir": shift - t}
        scipy.io.savemat(tmp_path / name, {key: a[:, None] for key, a in arrays.items()})
    benchmark = emps(tmp_path)
    assert benchmark.sampling_time == pytest.approx(1e-3)
    np.testing.assert_array_equal(benchmark.x[:, 0, 0], -t)
    np.testing.assert_array_equal(benchmark.y[:, 0, 0], t)
    np.testing.assert_array_equal(benchmark.tests["test"].y[:, 0, 0], t + 1000)
    assert benchmark.tests["test"].washout == 20


@pytest.mark.parametrize("form", ["csv", "mat"])
def test_the_coupled_drives_run_as_two_streams(tmp_path, form):
    columns = dict(zip(("u11", "u12", "z11", "z12"), RNG.normal(size=(4, 500)), strict=True))
    if form == "mat":
        arrays = {name: column[:, None] for name, column in columns.items()}
        scipy.io.savemat(tmp_path / "DATAUNIF.MAT", arrays, appendmat=False)
    else:
        rows = [",".join(map(repr, row)) for row in np.stack([*columns.values()], 1).tolist()]
        (tmp_path / "DATAUNIF.csv").write_text("\n".join(["u11,u12,z11,z12", *rows]))
    benchmark = coupled_drives(tmp_path)
    assert benchmark.x.shape == (400, 2, 1)
    np.testing.assert_array_equal(benchmark.y[:, 1, 0], columns["z12"][:400])
    signal, target = benchmark.pair()
    assert signal.max_streams == 2
    schedule = TruncatedBPTT(k1=20, k2=20, streams=2)
    fitter = Fitter(signal, target, GRU(hidden=3, head=()), schedule, engine="windowed")
    fitter.fit(400)
    scores = benchmark.scores(fitter)
    assert list(scores) == ["test 1", "test 2"]
    # The official formulas, on the samples behind the first 4.
    prediction = fitter.predict(benchmark.tests["test"].x)[4:, :, 0].astype(float)
    for stream, name in enumerate(("z11", "z12")):
        truth, found = columns[name][404:], scores[f"test {stream + 1}"]
        error = truth - prediction[:, stream]
        rmse = np.sqrt(np.mean(error**2))
        assert found.samples == 96
        assert found.rmse == pytest.approx(rmse)
        assert found.mae == pytest.approx(np.abs(error).mean())
        assert found.nrmse == pytest.approx(rmse / np.std(truth))
        assert found.r2 == pytest.approx(1 - np.mean(error**2) / np.var(truth))
        assert found.fit_percent == pytest.approx(100 * (1 - rmse / np.std(truth)))


def test_true_outputs_during_the_washout_find_the_state_of_a_model_that_is_fed_with_them(tmp_path):
    u = RNG.uniform(size=(2, 3024))
    y = lfilter([0.1], [1, -0.9], u)[:, 2000:]
    arrays = {"uEst": u[0, 2000:], "uVal": u[1, 2000:], "yEst": y[0], "yVal": y[1]}
    scipy.io.savemat(tmp_path / "dataBenchmark.mat", arrays)
    benchmark = cascaded_tanks(tmp_path)
    signal, target = benchmark.pair()
    fitter = Fitter.of(recipes.exact(samples=1024, signal=signal, target=target)).fit()
    assert benchmark.scores(fitter)["test"].nrmse < 1e-5


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (silverbox, "no SNLS80mV.mat nor SNLS80mV.csv in"),
        (emps, "no DATA_EMPS.mat in"),
    ],
)
def test_a_folder_without_the_files_is_said(tmp_path, read, message):
    with pytest.raises(FileNotFoundError, match=message):
        read(tmp_path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "SNLS80mV.mat"
    scipy.io.savemat(path, {"V1": np.zeros(100), "V2": np.zeros(100)})
    with pytest.raises(TableError, match="'V1' must be one record of 127400 samples or more, got"):
        silverbox(path)
    with pytest.raises(TableError, match="has no column 'uEst'"):
        cascaded_tanks(path)
    scipy.io.savemat(
        tmp_path / "a.mat", {name: np.ones(9) for name in ("uEst", "yEst", "uVal", "yVal")}
    )
    with pytest.raises(ValueError, match="validation must be a share from 0 to below 1, got 1.0"):
        cascaded_tanks(tmp_path / "a.mat").pair(validation=1.0)
