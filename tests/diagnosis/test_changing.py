"""Changes along the stream, drifts and what was not recorded are found; what is the same is not."""

import re
from typing import final

import attrs
import numpy as np
import pytest
import torch

from seqfit import Fitter, Target, recipes
from seqfit.diagnosis import THRESHOLDS
from seqfit.diagnosis.changing import change_along, changing
from seqfit.diagnosis.data import LONG_STILL, samples, still_shares
from seqfit.diagnosis.noise import added_by_target, noise, unexplained
from seqfit.diagnosis.past_inputs import features
from seqfit.diagnosis.specimen import CannotTellError, Specimen
from seqfit.models import GRU
from seqfit.signals import Beside, Chirp, Events, RandomHold, UniformNoise
from seqfit.targets import Counter, LeakyIntegral, Noisy, PeakHold, SaturatedIntegral, Sigmoid

LEAKY = LeakyIntegral(leak=0.1, gain=0.2)
HOLD = RandomHold()


def data(target=LEAKY, signal=HOLD, streams=1, time=6_000, seed=3):
    x, _ = signal.generate(signal.start(streams, seed), time)
    y, _ = target.transform(x, target.start(streams))
    return x, y.astype(np.float64)


def later(y):
    return (np.arange(len(y)) >= len(y) // 2)[:, None, None]


def drifts(change):
    return change.drift_size.low > THRESHOLDS["output_trend"]


@pytest.fixture(scope="module")
def specimen():
    torch.set_num_threads(1)
    experiment = recipes.gru(samples=4_000, seed=5, model=GRU(hidden=4, head=()))
    x, y = (values.astype(np.float32) for values in data(time=6_000))
    fed = Fitter.of(attrs.evolve(experiment, signal=None, target=None))
    return Specimen.of(fed.partial_fit(x[:4_000], y[:4_000]), np.inf, (x, y))


def finding_of(measure, kind, specimen, x, y):
    """With other samples that were fitted; the model knows nothing of them."""
    other = attrs.evolve(specimen, past_x=x.astype(np.float32), past_y=y.astype(np.float32))
    return next(suspect for suspect in measure(other) if suspect.finding.kind == kind)


HEALTHY = [
    (LEAKY, HOLD),
    (SaturatedIntegral(), HOLD),
    (Sigmoid(gain=3.0), RandomHold(low=-1.0, high=1.0)),
    (PeakHold(decay=0.98), HOLD),
    (Counter(), Beside([Events(0.3), Events(0.03)])),
]


@pytest.mark.parametrize("streams", [1, 8])
@pytest.mark.parametrize(("target", "signal"), HEALTHY)
def test_a_relation_that_stays_is_not_accused_and_one_that_changes_is(target, signal, streams):
    x, y = data(target, signal, streams)
    change = change_along(x, y)
    assert not change.is_another
    assert not drifts(change)
    assert change_along(x, np.where(later(y), -y, y)).is_another
    assert change_along(x, y + later(y) * y.std()).is_another
    drifting = change_along(x, y + 2 * y.std() * np.linspace(0, 1, len(y))[:, None, None])
    assert drifts(drifting)


def test_what_changed_is_told():
    x, y = data(time=12_000)
    change = change_along(x, np.where(later(y), 2 * y, y))
    assert change.gain == pytest.approx(2.0, rel=0.1)
    assert change.after == pytest.approx(6_000, rel=0.05)
    change = change_along(x, y + 2 * later(y) * y.std())
    assert change.gain == pytest.approx(1.0, rel=0.1)
    assert change.offset == pytest.approx(2 / np.sqrt(2), rel=0.1)  # of the new deviation
    line = np.linspace(0, 3, len(y))[:, None, None]
    change = change_along(x, y + line * y.std())
    assert change.is_drift
    seen = 3 * change.length / len(y)
    assert change.drift == pytest.approx(seen / np.sqrt(1 + seen**2 / 12), rel=0.05)
    assert change.drift in change.drift_interval


def test_units_and_missing_outputs_do_not_matter():
    x, y = data(time=4_000)
    y = np.where(later(y), 0.5 * y, y)
    change = change_along(x, y)
    assert change.is_another
    assert change_along(1e3 * x + 5e3, 1e-3 * y - 1).share == pytest.approx(change.share, rel=1e-3)
    y[np.random.default_rng(0).random(y.shape) < 0.2] = np.nan
    assert change_along(x, y).share == pytest.approx(change.share, rel=0.2)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (data(signal=Chirp(0.001, 0.1, sweep=6_000))[0], "the inputs themselves differ"),
        (data()[0] * np.linspace(0.2, 2, 6_000)[:, None, None], "the inputs themselves differ"),
        (
            np.repeat(data(signal=UniformNoise(), time=20)[0], 300, axis=0),
            "differ (along|too)",
        ),
        (np.full((6_000, 1, 1), 0.3), "inputs are constant"),
        (data(time=300)[0], "300 samples of a stream are fewer than 400"),
    ],
)
def test_where_inputs_do_not_let_it_be_told_that_is_said(x, words):
    y = np.tanh(3 * x) + np.random.default_rng(0).normal(size=x.shape)
    with pytest.raises(CannotTellError, match=f"changing relation: .*{words}"):
        change_along(x, y)


def test_changes_and_drifts_are_findings_with_advice(specimen):
    x, y = data()
    suspect = finding_of(changing, "changing_relation", specimen, x, np.where(later(y), -y, y))
    assert suspect.finding.is_bad
    assert re.search(r"inputs move the outputs -(1|0\.9\d) times as much", suspect.finding.words)
    assert suspect.untried().suggestion.changes == {}
    line = np.linspace(0, 2, len(y))[:, None, None]
    suspect = finding_of(changing, "output_trend", specimen, x, y - line * y.std())
    assert suspect.finding.is_bad
    assert "the outputs drift by -1." in suspect.finding.words
    assert suspect.finding.measured in suspect.finding.interval


def test_noise_without_a_memory_is_noise_and_with_one_an_input_that_was_not_recorded(specimen):
    x, y = data(time=4_000)
    rng = np.random.default_rng(1)
    white = y + 0.3 * y.std() * rng.normal(size=y.shape)
    held = y + 3 * y.std() * np.repeat(rng.uniform(size=(200, 1, 1)), 20, axis=0)
    for outputs, kind, other in (
        (white, "noisy_target", "unrecorded_input"),
        (held, "unrecorded_input", "noisy_target"),
    ):
        assert finding_of(noise, kind, specimen, x, outputs).finding.is_bad
        assert not finding_of(noise, other, specimen, x, outputs).finding.is_bad
    advice = finding_of(noise, "unrecorded_input", specimen, x, held).untried().suggestion
    assert advice.words.startswith("Record what else moves the outputs")
    assert unexplained(x, white).share == pytest.approx(0.3 / np.sqrt(1.09), rel=0.15)
    assert unexplained(x, white).stays < 0.3
    assert unexplained(x, y).share < 0.01


def of_target(target):
    experiment = recipes.gru(samples=2_000, seed=5, target=target, model=GRU(hidden=4, head=()))
    return added_by_target(Specimen.of(Fitter.of(experiment).fit(), np.inf, None))


def test_of_a_target_that_is_known_the_noise_is_known():
    spread = data()[1].std()
    found = of_target(Noisy(LEAKY, 0.2))
    assert found.is_exact
    assert found.variance == pytest.approx(0.2**2, rel=0.1)
    assert found.share == pytest.approx(0.2 / np.hypot(spread, 0.2), rel=0.1)
    assert abs(found.stays) < 0.1
    assert of_target(LEAKY).share < 1e-6
    assert of_target(SaturatedIntegral()).share == 0.0


@final
@attrs.frozen
class Shaky(Target):
    """Noise that is the same in all streams, so that only time tells it."""

    def output_channels(self, inputs):
        return inputs

    def start(self, streams):
        return {"position": 0, "streams": streams}

    def transform(self, x, state):
        begin = state["position"]
        noise = np.random.default_rng(7).normal(size=begin + len(x))[begin:]
        y = x + np.float32(0.3) * noise[:, None, None].astype(np.float32)
        return y, state | {"position": begin + len(x)}


def test_noise_that_is_the_same_in_all_streams_is_found_too():
    found = of_target(Shaky())
    assert not found.is_exact
    assert found.variance == pytest.approx(0.3**2, rel=0.1)


def test_a_long_stretch_without_a_change_is_found_but_not_what_chance_makes(specimen):
    rare = data(signal=RandomHold(0.01), time=4_000)[0]
    assert still_shares(rare) == [0.0]
    still = rare.copy()
    still[1_000:3_000] = still[1_000]
    assert still_shares(still)[0] == pytest.approx(0.5, abs=0.05)
    assert still_shares(still)[0] > LONG_STILL
    x, y = data(time=4_000)
    x[1_000:3_000] = 0.25
    finding = finding_of(samples, "constant_input", specimen, x, y).finding
    assert finding.is_bad
    assert "is constant for 50% of what was fitted on end, and moves elsewhere." in finding.words


def test_features_look_at_the_past_of_their_own_stream_alone():
    x, _ = data(streams=2, time=300)
    whole = features(x, 64)
    assert whole.shape[:2] == (300 - 64, 2)
    np.testing.assert_allclose(features(x[:, ::-1], 64), whole[:, ::-1], atol=1e-9)
    assert (whole[..., 0] == 1).all()
    spread = x.std()
    newest = (x[64:] - x.mean()) / spread
    scale = whole[..., 1] / newest[..., 0]
    np.testing.assert_allclose(scale, scale[0, 0], rtol=1e-4)
    oldest = sum(x[64 - k : 300 - k] for k in range(33, 65)) / 32
    np.testing.assert_allclose(np.corrcoef(whole[..., 8].ravel(), oldest.ravel())[0, 1], 1.0)
