"""What a report holds, and what it says where it can't be written."""

import itertools
import json
import math
import re
import subprocess
import sys
from importlib import resources

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqfit import Fitter, recipes
from seqfit.cli import main
from seqfit.reporting.error_places import error_by_input, error_by_lag
from seqfit.reporting.figures import Line, numbers, plot
from seqfit.reporting.held_out import HeldOutRun, scores_by_length, worst_stretches
from seqfit.reporting.markup import prose, text
from seqfit.reporting.rates import planned_rates
from seqfit.reporting.thinning import envelope


@pytest.fixture
def refused(capsys):
    """Run a command that is wrong; gives what it says."""

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        assert end.value.code == 2
        return capsys.readouterr().err.strip().splitlines()[-1]

    return run


series = arrays(
    np.float32,
    st.integers(1, 200),
    elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan),
)


@given(series, st.integers(1, 50))
def test_a_thinned_series_keeps_every_least_and_greatest_value(values, most):
    thin = envelope(values, most)
    assert len(thin.low) == len(thin.high) == math.ceil(len(values) / thin.size) <= most
    for number, (low, high) in enumerate(zip(thin.low, thin.high, strict=True)):
        there = values[number * thin.size : (number + 1) * thin.size]
        there = there[~np.isnan(there)]
        if len(there):
            assert (low, high) == (there.min(), there.max())
        else:
            assert np.isnan([low, high]).all()


def test_a_short_series_is_left_as_it_is():
    values = np.arange(10.0)
    assert envelope(values, 10).size == 1
    assert envelope(values, 10).low is values


def random_run(seed=0, length=500, streams=3, outputs=2):
    rng = np.random.default_rng(seed)
    x = np.where(rng.uniform(size=(length, streams, 1)) < 0.2, 1.0, np.nan) * rng.uniform(
        size=(length, streams, 1)
    )
    for t in range(1, length):
        x[t] = np.where(np.isnan(x[t]), x[t - 1], x[t])
    x = np.nan_to_num(x)
    y = rng.normal(size=(length, streams, outputs))
    y[rng.uniform(size=y.shape) < 0.05] = np.nan
    return HeldOutRun(x, y, rng.normal(size=y.shape))


def test_the_worst_stretches_are_those_with_the_largest_rmse():
    run = random_run()
    run.prediction[120:125, 1] += 30
    run.prediction[499, 2] += 20
    found = worst_stretches(run, 50)
    assert (found[0].stream, found[0].first, found[0].end) == (1, 100, 150)
    assert (found[1].stream, found[1].first, found[1].end) == (2, 450, 500)
    for stretch in found:
        error = np.abs(run.error[stretch.first : stretch.end, stretch.stream])
        assert stretch.rmse == pytest.approx(np.sqrt(np.nanmean(error**2)))
        assert stretch.max == pytest.approx(np.nanmax(error))
        assert stretch.share == pytest.approx(np.nansum(error**2) / np.nansum(run.error**2))
    assert [s.rmse for s in found] == sorted((s.rmse for s in found), reverse=True)
    others = [
        np.sqrt(np.nanmean(run.error[first : first + 50, stream] ** 2))
        for stream in range(3)
        for first in range(0, 500, 50)
    ]
    assert found[0].rmse == pytest.approx(max(others))


def test_a_run_without_error_has_no_worst_stretch():
    run = random_run()
    assert worst_stretches(attrs.evolve(run, prediction=np.nan_to_num(run.y))) == ()


def test_errors_by_input_and_by_lag_are_those_of_a_loop_over_samples():
    run = random_run()
    error = np.abs(run.error)
    by_lag, words = error_by_lag(run)
    assert words == "any change of an input"
    lags = np.full(run.x.shape[:2], -1)
    for stream in range(3):
        last = None
        for t in range(500):
            if t and run.x[t, stream, 0] != run.x[t - 1, stream, 0]:
                last = t
            lags[t, stream] = -1 if last is None else t - last
    observed = ~np.isnan(error)
    assert by_lag.counts.sum() == observed[lags >= 0].sum()
    for lag in (0, 1, 2):
        at = np.flatnonzero(by_lag.places == lag)
        assert by_lag.mae[at] == pytest.approx(np.nanmean(error[lags == lag]))
        assert by_lag.largest[at] == pytest.approx(np.nanmax(error[lags == lag]))
    by_input = error_by_input(run, 0)
    assert by_input.counts.sum() == observed.sum()
    width = np.ptp(run.x) / 24
    for place, mae in list(zip(by_input.places, by_input.mae, strict=True))[1:-1]:
        inside = np.abs(run.x[..., 0] - place) < width / 2
        if inside.any():
            assert mae == pytest.approx(np.nanmean(error[inside]))
    steps = attrs.evolve(run, x=np.round(run.x * 3))
    assert list(error_by_input(steps, 0).places) == [0, 1, 2, 3]


def test_an_input_that_never_holds_jumps_where_it_moves_far():
    run = random_run()
    wave = np.sin(np.arange(500) / 50)[:, None, None] * np.ones((1, 3, 1))
    slow = attrs.evolve(run, x=wave)
    assert error_by_lag(slow) == (None, "a change of an input by more than 10% of its range")
    wave[250:] += 1
    by, _ = error_by_lag(attrs.evolve(run, x=wave))
    assert by.counts.sum() == (~np.isnan(run.y[250:])).sum()


def test_scores_by_length_end_with_those_of_the_whole_run():
    run = random_run()
    course = scores_by_length(run)
    assert course[-1][0] == 500
    assert course[-1][1].rmse == pytest.approx(run.scores.rmse)
    assert course[0][1].mae == pytest.approx(np.nanmean(np.abs(run.error[:10])))


@pytest.mark.parametrize("name", ["gru", "question_2017"])
def test_the_planned_rate_is_that_of_the_fit(name):
    what = attrs.evolve(recipes.recipe(name)(), samples=200, engine="eager")
    fitter = Fitter.of(what)
    fitter.fit(100)
    shares, rates = planned_rates(what, fitter.report.updates)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert rates[-1] == pytest.approx(fitter.learning_rate_now)


def test_a_long_schedule_is_planned_in_fewer_steps():
    short = attrs.evolve(recipes.recipe("gru")(), samples=2_000_000)
    long = attrs.evolve(short, samples=100_000_000)
    at = np.linspace(0, 1, 50)
    courses = [
        np.interp(at, *planned_rates(what, updates))
        for what, updates in ((short, 80_000), (long, 4_000_000))
    ]
    assert courses[1] == pytest.approx(courses[0], rel=0.01, abs=1e-5)


def test_what_is_solved_at_once_has_no_rate():
    assert planned_rates(recipes.recipe("exact")(), 1) is None


@given(st.text())
def test_any_text_is_text(words):
    shown = text(words)
    assert not re.search(r"[<>\"']", shown)
    assert "<" not in re.sub(r"</?code>", "", prose(words))


def test_what_is_not_finite_is_a_gap():
    assert numbers([1.0, math.nan, math.inf, 1 / 3]) == [1.0, None, None, 0.3333333]


def colours():
    """The colours of the light scheme, and of the dark one."""
    css = (resources.files("seqfit.reporting") / "page.css").read_text(encoding="utf-8")
    return [
        dict(re.findall(r"(--[\w-]+): (#\w{6})", scheme))
        for scheme in re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)
    ]


def linear(colour):
    """Red, green and blue light of a colour of sRGB."""
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def test_colours_can_be_read_in_both_schemes():
    """WCAG 2.2: 4.5 for text, 3 for what is drawn."""
    light, dark = colours()
    for scheme in (light, dark):
        for ground in ("--page", "--card"):
            for name, colour in scheme.items():
                if name in ("--page", "--card", "--rule", "--zero"):
                    continue
                weights = [0.2126, 0.7152, 0.0722]
                below, above = sorted(linear(c) @ weights for c in (colour, scheme[ground]))
                least = 3.0 if name.startswith("--run") or name == "--input" else 4.5
                assert (above + 0.05) / (below + 0.05) >= least, (name, ground)
    assert light.keys() == dark.keys()


def test_lines_that_are_drawn_together_have_colours_that_differ():
    """By a tenth in OKLab, whose distances are those that the eye sees (Ottosson, 2020)."""
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    for scheme in colours():
        runs = [name for name in scheme if name.startswith("--run-")]
        for together in (["--input", "--target", "--output", "--error"], runs):
            for one, other in itertools.combinations(together, 2):
                places = (np.cbrt(to_cones @ linear(scheme[n])) for n in (one, other))
                apart = np.linalg.norm(np.subtract(*(np.asarray(to_lab) @ p for p in places)))
                assert apart > 0.1, (one, other)


def test_a_gain_is_told_once_and_what_was_not_tried_is_called_so(runs, copy, tmp_path):
    diagnosis = json.loads((runs / "<b>hostile" / "diagnosis.json").read_text())
    tried, fine = diagnosis["findings"]
    words = {"words": "Do. The error of free runs is 2.5 times smaller.", "changes": {}}
    untried = tried | {"gain": None, "suggestion": {"words": "Do that.", "changes": {"clip": 1.0}}}
    of_data = tried | {"gain": None, "suggestion": {"words": "Record more.", "changes": {}}}
    findings = [tried | {"suggestion": words}, untried, of_data, fine]
    (copy / "diagnosis.json").write_text(json.dumps(diagnosis | {"findings": findings}))
    page = tmp_path / "page.html"
    with pytest.raises(SystemExit):
        main(["report", str(copy), "-o", str(page), "--length", "20"])
    advice = re.findall(r'<p class="advice">(.*?)</p>', page.read_text(encoding="utf-8"))
    assert advice == [words["words"], "Do that. (Not tried.)", "Record more."]


def test_an_axis_of_less_than_a_decade_has_several_numbers():
    narrow = plot([Line("a", [1, 2], [0.13, 0.41], 0)], "x", "y", log_y=True)
    ticks = narrow["layout"]["yaxis"]["tickvals"]
    assert [tick for tick in ticks if 0.13 <= tick <= 0.41] == [0.2, 0.3, 0.4]


def test_a_report_is_one_small_file_that_says_what_was_done(report, runs):
    page = report.read_text(encoding="utf-8")
    assert report.stat().st_size < 4_000_000
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert f"seqfit fit {runs}/plain/experiment.toml" in page
    assert "saturated_integral" in page
    assert "<script>window" not in page
    assert "<img" not in page
    body = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    scores = json.loads((runs / "plain" / "result.json").read_text())
    assert scores["environment"]["torch"] in body
    assert "They were not scored on the same samples" in body


def test_an_unknown_run_is_named(refused, tmp_path):
    assert refused("report", tmp_path / "nothing") == (
        f"error: no run folder at '{tmp_path}/nothing'; 'seqfit fit' makes one"
    )


def test_half_of_a_run_is_said_to_be_half(refused, copy):
    (copy / "fitter.safetensors").unlink()
    assert (
        "did not come to its end: there is no fitter.safetensors; go on with 'seqfit resume "
        in (refused("report", copy))
    )


def test_a_run_without_its_result_says_so(refused, copy):
    (copy / "result.json").unlink()
    assert "did not come to its end: there is no result.json" in refused("report", copy)


@pytest.mark.parametrize("name", ["result.json", "evaluation.json"])
def test_a_file_that_was_cut_is_named(refused, copy, name):
    whole = (copy / name).read_text()
    (copy / name).write_text(whole[: len(whole) // 2])
    said = refused("report", copy)
    assert said.startswith(f"error: {copy / name} is damaged: ")
    assert "writes it anew" in said


@pytest.mark.parametrize(
    ("name", "change", "wrong"),
    [
        ("result.json", {"updates": None}, "updates is None"),
        ("result.json", {"seconds": "long"}, "seconds is 'long'"),
        ("evaluation.json", {"horizons": 3}, "horizons is not a list"),
        ("evaluation.json", {"horizons": [{"length": 3}]}, "it has no horizons.scores"),
        ("evaluation.json", {"drift": []}, "drift is not a table"),
    ],
)
def test_a_file_of_another_version_is_named(refused, copy, name, change, wrong):
    data = json.loads((copy / name).read_text())
    (copy / name).write_text(json.dumps(data | change))
    said = refused("report", copy)
    assert said.startswith(f"error: {copy / name} is of another version of seqfit: {wrong}; ")


def test_a_diagnosis_of_another_version_is_named(refused, copy):
    (copy / "diagnosis.json").write_text('{"findings": []}')
    said = refused("report", copy)
    assert "diagnosis.json is of another version of seqfit: it has no not_told" in said


def test_a_run_is_given_once(refused, copy):
    assert refused("report", copy, f"{copy}/../plain").endswith("/plain is given twice")


@pytest.mark.parametrize("length", [0, 10_000_000])
def test_a_length_that_is_wrong_is_refused(refused, copy, length):
    said = refused("report", copy, "--length", length)
    assert "must be a positive int, got 0" in said or "at most 1,000,000 samples" in said


def test_a_folder_that_is_not_there_is_named(refused, copy, tmp_path):
    said = refused("report", copy, "--length", 20, "-o", tmp_path / "no" / "report.html")
    assert said == f"error: no folder at '{tmp_path}/no'"


def test_without_plotly_the_extra_is_named(copy):
    code = (
        "import sys; sys.modules['plotly'] = None\n"
        "from seqfit.cli import main\nmain(['report', sys.argv[1], '--length', '20'])"
    )
    command = [sys.executable, "-c", code, str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == "error: a report needs plotly: pip install 'seqfit[report]'"


def test_samples_from_outside_are_not_held_out(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.uniform(size=300)
    rows = "\n".join(f"{a:.4f},{a:.4f}" for a in x)
    (tmp_path / "live.csv").write_text(f"x,y\n{rows}\n")
    columns = ("--input", "x", "--output", "y", "--model", "rnn:hidden=2,head=[]")
    with (tmp_path / "live.csv").open() as given:
        subprocess.run(
            [sys.executable, "-m", "seqfit", "fit", "--data", "-", *columns, "--run", "live"],
            cwd=tmp_path, stdin=given, check=True, capture_output=True,
        )  # fmt: skip
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path / "live"), "-o", str(tmp_path / "report.html")])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "none are held out" in page
    assert "The samples came from outside, and are not kept." in page
