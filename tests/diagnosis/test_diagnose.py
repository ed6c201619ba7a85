"""Planted defects are found, healthy fits are left in peace, and nothing is disturbed."""

import attrs
import numpy as np
import pytest
import torch

from seqfit import Fitter, Model, StreamModule, recipes, states
from seqfit.diagnosis import diagnose, follow
from seqfit.diagnosis.capacity import number_of_samples
from seqfit.diagnosis.data import lag, samples
from seqfit.diagnosis.exposure import exposure
from seqfit.diagnosis.memory import drift, memory, truncation
from seqfit.diagnosis.noise import noise
from seqfit.diagnosis.optimisation import gradients, step_size
from seqfit.diagnosis.recency import recency
from seqfit.diagnosis.remedies import more_updates
from seqfit.diagnosis.specimen import CannotTellError, Specimen
from seqfit.fitting import Callback, TorchOptimizer
from seqfit.models import GRU, RNN, Scaled, Wrap
from seqfit.recordings import Recording, pair
from seqfit.schedules import Accumulate, EveryWindow, TruncatedBPTT
from seqfit.signals import OrnsteinUhlenbeck, RandomHold, Sine, UniformNoise
from seqfit.targets import Delay, LeakyIntegral, Noisy, Polynomial, SaturatedIntegral

SMALL = GRU(hidden=8, head=(8,))
LEAKY = LeakyIntegral(leak=0.1, gain=0.2)
BADLY = "badly_scaled"


def fitted(samples=4_000, **parts):
    chosen = {"target": LEAKY, "model": SMALL} | parts
    return Fitter.of(recipes.gru(samples=samples, seed=5, **chosen)).fit()


def at_a_rate(rate, **parts):
    optimizer = TorchOptimizer("Adam", {"lr": rate})
    return fitted(optimizer=optimizer, learning_rate=None, clip=None, **parts)


def found(measure, fitter, kind):
    """The finding of a kind that a measure makes."""
    torch.set_num_threads(1)
    suspects = measure(Specimen.of(fitter, np.inf, None))
    return next(suspect.finding for suspect in suspects if suspect.finding.kind == kind)


@pytest.fixture(scope="module")
def healthy():
    schedule = TruncatedBPTT(k1=5, k2=50, loss_on="all")
    return fitted(10_000, schedule=schedule)


@pytest.mark.slow
def test_a_healthy_fit_is_left_in_peace(healthy):
    for measure in (samples, lag, noise, memory, truncation, recency, gradients, number_of_samples):
        suspects = measure(Specimen.of(healthy, np.inf, None))
        assert [s.finding.kind for s in suspects if s.finding.is_bad] == [], measure


def test_a_fit_that_follows_its_newest_samples_is_found():
    following = at_a_rate(3e-3, samples=20_000, target=SaturatedIntegral(), schedule=EveryWindow(2))
    finding = found(recency, following, "recency_overfitting")
    assert finding.is_bad
    assert finding.interval.low > finding.threshold
    _, errors = finding.curve.lines[0]
    assert errors[0] < min(errors[1:])


def test_gradients_that_are_cut_too_early_are_found():
    slow = LeakyIntegral(leak=0.02, gain=0.02)
    cut = fitted(target=slow, schedule=Accumulate(window=1, every=5), samples=8_000)
    finding = found(truncation, cut, "truncation_too_short")
    assert finding.is_bad
    assert "Gradients flow back 1 sample, the target remembers 11" in finding.words


def test_a_free_run_that_drifts_is_found_though_it_begins_as_badly_as_it_ends():
    specimen = Specimen.of(fitted(1_000), np.inf, None)
    times = np.arange(len(specimen.y))
    off = 0.001 * np.abs(times - 0.5 * len(times))[:, None, None]  # (time, 1, 1)
    noise = np.random.default_rng(0).normal(size=specimen.y.shape)
    drifting = attrs.evolve(specimen, prediction=specimen.y + off * (1 + 0.1 * noise))
    (suspect,) = drift(drifting)
    assert suspect.finding.is_bad
    assert suspect.finding.measured == pytest.approx(9, rel=0.1)
    steady = attrs.evolve(specimen, prediction=specimen.y + 0.3 * noise)
    assert not drift(steady)[0].finding.is_bad


def test_a_model_that_forgets_too_soon_is_found():
    finding = found(
        memory, fitted(signal=UniformNoise(), target=Delay(30), model=RNN(hidden=4)), "forgetting"
    )
    assert finding.is_bad
    assert finding.words.startswith(
        "A tenth of another past is left in the target after 30 samples"
    )


@pytest.mark.slow
def test_steps_that_are_too_large_and_too_small_are_found():
    assert found(step_size, at_a_rate(0.01, samples=10_000), "step_too_large").is_bad
    often = TruncatedBPTT(k1=5, k2=50, loss_on="all")
    small = at_a_rate(2e-5, samples=10_000, schedule=often)
    assert found(step_size, small, "step_too_small").is_bad
    assert not found(step_size, small, "step_too_large").is_bad


def test_a_rate_that_has_run_out_tells_nothing_of_steps(healthy):
    with pytest.raises(CannotTellError, match="the learning rate has fallen to"):
        step_size(Specimen.of(healthy, np.inf, None))


@attrs.frozen
class Spoiled(Model):
    recurrent: float = 1.0
    dead: int = 0
    inward: float = 1.0

    def build(self, inputs, outputs):
        module = RNN(hidden=16, head=(32,)).build(inputs, outputs)
        with torch.no_grad():
            module.recurrence.weight_hh_l0.mul_(self.recurrent)
            module.recurrence.weight_ih_l0.mul_(self.inward)
            module.head[0].bias[: self.dead] = -100.0
        return module


@pytest.mark.parametrize(
    ("spoiled", "kind"),
    [
        (Spoiled(recurrent=10.0), "exploding_gradient"),
        (Spoiled(recurrent=0.05), "vanishing_gradient"),
        (Spoiled(dead=32), "dead_units"),
        (Spoiled(inward=1e3), "saturated_units"),
    ],
)
def test_sick_gradients_and_units_are_found(spoiled, kind):
    fitter = fitted(target=LeakyIntegral(leak=0.02, gain=0.02), model=spoiled, samples=1_000)
    assert found(gradients, fitter, kind).is_bad


def test_too_few_samples_are_found():
    assert found(number_of_samples, fitted(300), "too_few_samples").is_bad


def test_inputs_that_stand_still_or_come_again_are_found():
    still = fitted(signal=RandomHold(jump_probability=5e-4, initial=0.5))
    finding = found(samples, still, "constant_input")
    assert finding.is_bad
    assert finding.words.startswith("Input channel 0 changes")
    assert found(samples, fitted(signal=Sine(period=50.0)), "repeated_input").measured > 0.95


def test_inputs_that_were_never_fitted_are_found_with_the_error_there():
    rng = np.random.default_rng(3)
    u = np.repeat(rng.uniform(size=300), 10) * np.linspace(0.2, 2.0, 3_000)
    recording = Recording({"u": u, "y": 0.3 * u}, stretch="train", repeat=True)
    signal, target = pair(recording, "u", "y")
    finding = found(samples, fitted(signal=signal, target=target), "unseen_input")
    assert finding.is_bad
    assert "lie outside what was fitted" in finding.words


def recorded(u, **parts):
    """A fit of a recording of some inputs, which comes again and again."""
    y = np.convolve(u, [0.2, 0.1])[: len(u)]
    signal, target = pair(Recording({"u": u, "y": y}, stretch="train", repeat=True), "u", "y")
    return fitted(signal=signal, target=target, **parts)


def test_a_test_stretch_of_a_recording_that_leaves_what_was_fitted_is_found():
    u = np.repeat(np.random.default_rng(3).uniform(size=100), 5)
    finding = found(samples, recorded(u, samples=700), "unseen_input")
    assert not finding.is_bad
    assert finding.words.startswith("All inputs that are scored lie within")
    u[425:] += 2
    finding = found(samples, recorded(u, samples=700), "unseen_input")
    assert finding.is_bad
    assert finding.measured == 1
    low, high = u[:350].min(), u[:350].max()
    assert finding.words == (
        "100% of the inputs of the test stretch, on which the fit is scored, lie outside what was "
        f"fitted: they are {u[425:].min():.4g} to {u[425:].max():.4g}, and {low:.4g} to {high:.4g} "
        "was fitted."
    )


def test_a_recording_that_comes_again_has_no_new_samples():
    u = np.repeat(np.random.default_rng(3).uniform(size=100), 5)
    once, often = (recorded(u, samples=number) for number in (350, 3_500))
    one, other = (found(number_of_samples, fitter, "too_few_samples") for fitter in (once, often))
    assert other.is_bad
    assert other.measured == one.measured
    assert one.words.startswith("350 samples hold about ")
    assert other.words.startswith("3,500 samples, 350 recorded ones again and again, hold about ")


def test_units_that_need_scaling_are_found():
    assert found(samples, fitted(signal=RandomHold(high=1e3)), BADLY).is_bad


def test_units_are_those_of_the_model_within_a_scaled_one():
    def within(*numbers, model=SMALL):
        return Scaled(model, *((number,) for number in numbers))

    signal, target = RandomHold(high=1e3), LEAKY >> Polynomial((5e3, 1.0))
    right = within(500.0, 290.0, 5e3 + 1e3, 470.0)
    for model in (right, within(0.0, 1e3, 5e3, 1e3, model=within(0.5, 0.3, 1.0, 0.5))):
        finding = found(samples, fitted(300, signal=signal, target=target, model=model), BADLY)
        assert finding.measured < 1
        assert not finding.is_bad
    wrong = fitted(300, signal=signal, target=target, model=within(0.0, 1.0, 0.0, 1.0))
    suspect = next(s for s in samples(Specimen.of(wrong, np.inf, None)) if s.finding.kind == BADLY)
    assert suspect.finding.is_bad
    (remedy,) = suspect.remedies
    assert "other numbers for the scaled model" in remedy.words
    assert isinstance(follow(wrong.experiment, remedy.changes).model.model, GRU)  # scaled once


def test_the_noise_of_a_target_is_measured():
    noisy = fitted(8_000, target=Noisy(LEAKY, 0.2))
    finding = found(noise, noisy, "noisy_target")
    assert finding.is_bad
    spread = float(np.std(Specimen.of(noisy, np.inf, None).past_y))
    assert finding.measured * spread == pytest.approx(0.2, rel=0.25)


def test_the_lag_between_input_and_output_is_measured():
    late = fitted(target=Delay(20), schedule=EveryWindow(10))
    finding = found(lag, late, "input_lag")
    assert finding.is_bad
    assert finding.measured == pytest.approx(20 / 9)


@pytest.mark.parametrize("delay", [1, 3, 10])
@pytest.mark.parametrize("signal", [UniformNoise(), RandomHold(), OrnsteinUhlenbeck()])
@pytest.mark.parametrize("system", [None, LEAKY, SaturatedIntegral()])
def test_the_lag_is_told_to_the_sample_whatever_the_input(signal, delay, system):
    target = Delay(delay) if system is None else Delay(delay) >> system
    parts = {"signal": signal, "target": target, "model": RNN(hidden=2, head=())}
    fitter = Fitter.of(recipes.gru(samples=3_000, seed=5, **parts)).fit()
    (suspect,) = lag(Specimen.of(fitter, np.inf, None))
    told = f"News of the input first move the output {delay} samples later;"
    assert suspect.finding.words.startswith(told)


def test_an_input_that_follows_from_its_own_past_tells_no_lag():
    with pytest.raises(CannotTellError, match="one of them follows from its own past"):
        lag(Specimen.of(fitted(signal=Sine(period=50.0), target=Delay(3)), np.inf, None))


@pytest.mark.slow
def test_a_model_that_is_good_one_step_ahead_alone_is_found():
    lowpass = LeakyIntegral(leak=0.1, gain=0.1) >> LeakyIntegral(leak=0.15, gain=0.15)
    fitter = Fitter.of(recipes.exact(samples=2_000, target=lowpass)).fit()
    finding = found(exposure, fitter, "exposure")
    assert finding.is_bad
    fine = Fitter.of(recipes.exact(samples=2_000)).fit()
    assert not found(exposure, fine, "exposure").is_bad


@pytest.mark.slow
def test_the_first_suggestion_followed_makes_the_fit_better():
    slow = at_a_rate(1e-5, samples=3_000)
    diagnosis = slow.diagnose(seconds=60)
    suggestion = diagnosis.first_suggestion
    assert suggestion.changes
    better = Fitter.of(follow(slow.experiment, suggestion.changes)).fit()
    assert better.evaluate().mae < slow.evaluate().mae
    assert diagnosis.bad[0].gain == max(finding.gain or 1 for finding in diagnosis.bad) > 1
    assert diagnosis.bad[0].tried == 3_000
    assert any(line.startswith("exposure: ") for line in diagnosis.not_told)


@pytest.mark.slow
def test_a_diagnosis_in_the_middle_of_a_fit_changes_nothing():
    def begun():
        return Fitter.of(recipes.gru(samples=4_000, model=Dropping(), seed=5)).fit(1_507)

    watched, left_alone = begun(), begun()
    chance = torch.get_rng_state()
    before = states.copy(watched._course.state())
    watched.diagnose(seconds=5)
    assert states.same(before, watched._course.state())
    assert torch.equal(chance, torch.get_rng_state())
    watched.fit(500)
    left_alone.fit(500)
    pairs = zip(watched.module.parameters(), left_alone.module.parameters(), strict=True)
    for one, other in pairs:
        assert torch.equal(one, other)


@pytest.mark.slow
def test_a_diagnosis_from_a_callback_changes_nothing():
    class Looks(Callback):
        def after_update(self, fitter):
            if fitter.report.updates == 40:
                fitter.diagnose(seconds=1)

    def begun(*callbacks):
        return Fitter.of(recipes.gru(samples=4_000, model=Dropping(), seed=5), callbacks).fit(1_507)

    pairs = zip(begun(Looks()).module.parameters(), begun().module.parameters(), strict=True)
    for one, other in pairs:
        assert torch.equal(one, other)


@attrs.frozen
class Dropping(Model):
    """Draws from torch's generator at each pass."""

    def build(self, inputs, outputs):
        return DroppingModule(GRU(hidden=4, head=()).build(inputs, outputs))


class DroppingModule(StreamModule):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def start(self, streams):
        return self.inner.start(streams)

    def forward(self, x, state):
        y, state = self.inner(x, state)
        return torch.nn.functional.dropout(y, 0.1), state


@pytest.mark.slow
def test_a_module_of_ones_own_and_samples_that_are_given_are_diagnosed():
    model = Wrap(lambda i, o: torch.nn.GRU(i, o), lambda n: torch.zeros(1, n, 1), stream_axis=1)
    rng = np.random.default_rng(0)
    x = np.repeat(rng.uniform(size=60), 10)
    y = np.roll(x, 1)
    fitter = Fitter(model=model, schedule=TruncatedBPTT(k1=5, k2=20)).partial_fit(x[:400], y[:400])
    diagnosis = fitter.diagnose(seconds=10, x=x, y=y)
    kinds = {finding.kind for finding in diagnosis.findings}
    assert {"recency_overfitting", "input_lag"} <= kinds
    assert {finding.tried for finding in diagnosis.bad} - {None} == {400}
    assert diagnosis.first_suggestion.changes


def test_what_can_not_be_diagnosed_is_refused():
    with pytest.raises(ValueError, match="nothing was fitted yet, there is nothing to diagnose"):
        Fitter.of(recipes.gru(samples=500)).diagnose()
    fed = Fitter(model=SMALL, schedule=EveryWindow(2)).partial_fit([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(
        ValueError, match=r"no signal and no target: give samples, fitter.diagnose\("
    ):
        fed.diagnose()
    with pytest.raises(ValueError, match="seconds must be a positive, finite number, got 0"):
        fitted(100).diagnose(seconds=0)
    with pytest.raises(ValueError, match="x and y belong together"):
        diagnose(fed, x=[1.0])


def test_samples_that_do_not_fit_are_refused_by_their_shapes():
    fed = Fitter(model=SMALL, schedule=EveryWindow(2)).partial_fit(np.ones(300), np.arange(300.0))
    with pytest.raises(ValueError, match="x and y must be equally long, got 300 and 200 samples"):
        fed.diagnose(x=np.ones(300), y=np.ones(200))
    with pytest.raises(ValueError, match="x"):
        fed.diagnose(x=np.ones((300, 2)), y=np.ones(300))


def test_an_input_that_never_changes_is_found_and_all_else_is_looked_at():
    rng = np.random.default_rng(0)
    y = np.repeat(rng.uniform(size=300), 10)
    fed = Fitter(model=SMALL, schedule=EveryWindow(2)).partial_fit(np.ones(2000), y[:2000])
    diagnosis = fed.diagnose(seconds=5, x=np.ones(3000), y=y)
    assert diagnosis.bad[0].kind == "constant_input"
    assert {"noisy_target", "recency_overfitting"} <= {f.kind for f in diagnosis.findings}


def test_what_is_no_better_than_a_constant_is_no_gain():
    rng = np.random.default_rng(0)
    x, y = np.repeat(rng.uniform(size=(2, 300)), 10, axis=1)  # nothing to learn
    wild = TorchOptimizer("Adam", {"lr": 0.3})
    fed = Fitter(model=SMALL, schedule=EveryWindow(2), optimizer=wild).partial_fit(
        x[:2000], y[:2000]
    )
    diagnosis = fed.diagnose(seconds=10, x=x, y=y)
    assert diagnosis.bad
    assert all((finding.gain or 1.0) < 1.1 for finding in diagnosis.findings)


def test_what_was_not_tried_is_called_so():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.uniform(size=30), 10)
    fed = Fitter(model=SMALL, schedule=EveryWindow(2)).partial_fit(x[:200], x[:200])
    diagnosis = fed.diagnose(seconds=0.05, x=x, y=x)
    assert {finding.gain for finding in diagnosis.findings} == {None}
    suggested = [finding for finding in diagnosis.bad if finding.suggestion is not None]
    suggested = [finding for finding in suggested if finding.suggestion.changes]
    assert suggested
    assert str(diagnosis).count("(Not tried.)") == len(suggested)


def test_suggestions_for_samples_that_were_fed_are_tried_on_those():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.uniform(size=300), 10).astype(np.float32)
    y = LEAKY.transform(x.reshape(-1, 1, 1), LEAKY.start(1))[0][:, 0, 0]
    slow = TorchOptimizer("Adam", {"lr": 1e-6})
    fed = Fitter(model=SMALL, schedule=EveryWindow(20), optimizer=slow)
    fed.partial_fit(x[:2000], y[:2000])
    diagnosis = fed.diagnose(seconds=10, x=x, y=y)
    assert diagnosis.bad[0].gain > 10
    assert {finding.tried for finding in diagnosis.bad} - {None} == {2000}
    changed = Fitter.of(follow(fed.experiment, diagnosis.first_suggestion.changes))
    changed.partial_fit(x[:2000], y[:2000])
    assert changed.score(x[2000:], y[2000:]).mae < 0.1 * fed.score(x[2000:], y[2000:]).mae


@pytest.mark.parametrize(
    ("every", "words"),
    [
        (4, "Make an update after every sample instead of every 4 samples."),
        (40, "Make an update every 5 samples instead of every 40."),
    ],
)
def test_more_updates_are_told_in_words(every, words):
    fitter = Fitter.of(recipes.gru(300, 5, schedule=TruncatedBPTT(k1=every, k2=50))).fit(100)
    assert more_updates(Specimen.of(fitter, np.inf, None), 8).words == words


def test_a_short_fit_is_diagnosed_as_far_as_it_goes():
    diagnosis = fitted(30, schedule=EveryWindow(2)).diagnose(seconds=10)
    assert diagnosis.findings
    assert any("too few samples" in reason for reason in diagnosis.not_told)
