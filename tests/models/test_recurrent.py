"""Recurrent networks: the kernels do what torch does."""

import copy
import pickle

import numpy as np
import pytest
import torch

from seqfit.models import GRU, LSTM, RNN, recurrent
from seqfit.models.kernels import recurrence
from seqfit.models.kernels.activations import sigmoid, tanh
from seqfit.models.recurrent import RecurrentModule

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
CELLS = {
    "gru": GRU,
    "lstm": LSTM,
    "rnn": RNN,
    "relu": lambda **fields: RNN(activation="relu", **fields),
}

every_cell = pytest.mark.parametrize("cell", CELLS)
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)


@pytest.fixture
def no_limits(monkeypatch):
    """The kernels are used for all sizes, also where torch is faster."""
    monkeypatch.setattr(recurrence, "_LARGEST_WITH_GRADIENTS", 10**9)
    monkeypatch.setattr(recurrence, "_LARGEST_WITHOUT", 10**9)


def problem(cell, dtype, time=7, streams=5, inputs=2, **fields):
    """A module, inputs, and the parts of a random state, all of which need gradients."""
    torch.manual_seed(0)
    module = CELLS[cell](**fields).build(inputs, 3).to(dtype)
    x = torch.randn(time, streams, inputs, dtype=dtype, requires_grad=True)
    parts = [0.5 * torch.randn_like(part) for part in parts_of(module.start(streams))]
    return module, x, [part.requires_grad_() for part in parts]


def parts_of(state):
    return list(state) if isinstance(state, tuple) else [state]


def state_of(parts):
    return tuple(parts) if len(parts) > 1 else parts[0]


def values_and_gradients(run, module, x, parts):
    y, state = run(x, state_of(parts))
    outputs = [y, *parts_of(state)]
    generator = torch.Generator().manual_seed(1)
    directions = [torch.randn(o.shape, generator=generator, dtype=o.dtype) for o in outputs]
    leaves = [x, *parts, *module.parameters()]
    return [*outputs, *torch.autograd.grad(outputs, leaves, directions)]


def without_torch_cell(module, monkeypatch):
    """Make a use of torch's own cell an error."""

    def refuse(*_args):
        raise AssertionError("torch's cell was used")

    monkeypatch.setattr(module.recurrence, "forward", refuse)


def assert_close(actual, expected, dtype):
    for a, b in zip(actual, expected, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        scale = max(1.0, b.abs().max().item())
        assert (a - b).abs().max().item() <= TOLERANCE[dtype] * scale


@every_cell
@every_dtype
@pytest.mark.parametrize("hidden", [1, 3, 17, 65, 128])
@pytest.mark.parametrize("streams", [1, 5, 33])
def test_fast_forward_has_the_values_and_gradients_of_forward(
    cell, dtype, hidden, streams, no_limits, monkeypatch
):
    module, x, parts = problem(cell, dtype, streams=streams, hidden=hidden, layers=2)
    expected = values_and_gradients(module, module, x, parts)
    without_torch_cell(module, monkeypatch)
    actual = values_and_gradients(module.fast_forward, module, x, parts)
    assert_close(actual, expected, dtype)
    with torch.no_grad():
        y, state = module.fast_forward(x, state_of(parts))
    assert_close([y, *parts_of(state)], expected[: 1 + len(parts)], dtype)


@every_cell
@pytest.mark.parametrize(
    ("streams", "time", "inputs", "layers", "hidden"),
    [(1024, 2, 1, 1, 17), (1, 60, 9, 3, 12), (25, 2, 1, 1, 50), (3, 1, 4, 1, 5)],
)
def test_other_sizes(cell, streams, time, inputs, layers, hidden, no_limits):
    sizes = {"streams": streams, "time": time, "inputs": inputs}
    module, x, parts = problem(cell, torch.float64, **sizes, layers=layers, hidden=hidden)
    expected = values_and_gradients(module, module, x, parts)
    actual = values_and_gradients(module.fast_forward, module, x, parts)
    assert_close(actual, expected, torch.float64)


@every_cell
def test_the_usual_sizes_run_by_kernels_and_large_ones_by_torch(cell, monkeypatch):
    module, x, parts = problem(cell, torch.float32, streams=25, hidden=50)
    without_torch_cell(module, monkeypatch)
    module.fast_forward(x, state_of(parts))
    module.window_states(x, state_of(parts), 2)
    large, x, parts = problem(cell, torch.float32, streams=100, hidden=50)
    expected = values_and_gradients(large, large, x, parts)
    actual = values_and_gradients(large.fast_forward, large, x, parts)
    assert all(torch.equal(a, b) for a, b in zip(actual, expected, strict=True))


def test_gradients_that_are_not_needed_are_left_out():
    module, x, parts = problem("gru", torch.float64)
    x, start = x.detach(), parts[0].detach()
    module.recurrence.requires_grad_(False)
    y, _ = module.fast_forward(x, start)
    y.sum().backward()
    assert all(p.grad is None for p in module.recurrence.parameters())
    assert all(p.grad is not None for p in module.head.parameters())


def test_a_second_pass_through_a_retained_graph_gives_the_same():
    module, x, parts = problem("lstm", torch.float64)
    y, _ = module.fast_forward(x, state_of(parts))
    first, second = (torch.autograd.grad(y.sum(), [x, *parts], retain_graph=True) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_change_of_what_the_way_back_needs_is_an_error():
    torch.manual_seed(0)
    head = torch.nn.Sequential(torch.nn.ReLU(inplace=True), torch.nn.Linear(4, 1))
    module = RecurrentModule(torch.nn.RNN(1, 4), head)
    y, _ = module.fast_forward(torch.randn(3, 2, 1), module.start(2))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@every_cell
@pytest.mark.parametrize("time", [1, 2, 6, 8])
@pytest.mark.parametrize("layers", [1, 3])
def test_window_states_are_the_states_on_the_way(cell, time, layers, monkeypatch):
    module, x, parts = problem(cell, torch.float64, time=time, layers=layers, hidden=6)
    before, state = [], state_of(parts)
    for t in range(time):
        before.append(parts_of(state))
        _, state = module(x[t : t + 1], state)
    without_torch_cell(module, monkeypatch)
    expected = [torch.cat(part) for part in zip(*before[::3], strict=True)]
    actual = parts_of(module.window_states(x, state_of(parts), 3))
    assert_close(actual, expected, torch.float64)
    assert not any(part.requires_grad for part in actual)


@every_cell
@every_dtype
def test_a_long_run_goes_in_chunks(cell, dtype, monkeypatch):
    module, x, parts = problem(cell, dtype, time=40, hidden=6, layers=2)
    with torch.no_grad():
        y, state = module(x, state_of(parts))
        monkeypatch.setattr(recurrent, "_CHUNK", 7 * 5 * 6)
        y_chunks, state_chunks = module.fast_forward(x, state_of(parts))
    assert_close([y_chunks, *parts_of(state_chunks)], [y, *parts_of(state)], dtype)


def test_forward_is_the_gated_recurrent_unit():
    module, x, [start] = problem("gru", torch.float64, time=4, streams=2, hidden=3)
    arrays = {name: p.detach().numpy() for name, p in module.named_parameters()}
    w_x, w_h, b_x, b_h = (
        arrays[f"recurrence.{name}_l0"].reshape(3, 3, -1)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h = start.detach().numpy()[:, 0]
    for x_t, y_t in zip(x.detach().numpy(), module(x, start)[0].detach().numpy(), strict=True):
        p = [x_t @ w_x[k].T + b_x[k, :, 0] for k in range(3)]
        q = [h @ w_h[k].T + b_h[k, :, 0] for k in range(3)]
        reset, update = (1 / (1 + np.exp(-p[k] - q[k])) for k in range(2))
        h = (1 - update) * np.tanh(p[2] + reset * q[2]) + update * h
        inner = np.maximum(h @ arrays["head.0.weight"].T + arrays["head.0.bias"], 0)
        y = inner @ arrays["head.2.weight"].T + arrays["head.2.bias"]
        np.testing.assert_allclose(y_t, y, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("single", "bound"), [(True, 5e-7), (False, 2e-15)])
def test_activations_are_exact_to_rounding(single, bound):
    real = np.float32 if single else np.float64
    near_zero = np.logspace(-12, 0, 500)
    x = np.concatenate([np.linspace(-80, 80, 2001), near_zero, -near_zero]).astype(real)
    wide = x.astype(np.longdouble)
    for function, exact in ((sigmoid, 1 / (1 + np.exp(-wide))), (tanh, np.tanh(wide))):
        y = np.array([function(real(v), single) for v in x])
        errors = np.abs(y - exact) / np.maximum(np.abs(exact), np.finfo(real).tiny)
        assert errors.max() < bound


@every_cell
@every_dtype
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_extreme_inputs_give_what_torch_gives(cell, dtype, value):
    module, x, parts = problem(cell, dtype, streams=2, hidden=3)
    with torch.no_grad():
        x[2, 0] = value
        expected, _ = module(x, state_of(parts))
        actual, _ = module.fast_forward(x, state_of(parts))
    torch.testing.assert_close(actual, expected, equal_nan=True)


@every_cell
def test_other_dtypes_are_left_to_torch(cell):
    module, x, parts = problem(cell, torch.bfloat16)
    assert torch.equal(module.fast_forward(x, state_of(parts))[0], module(x, state_of(parts))[0])


@every_cell
@pytest.mark.parametrize("wrong", ["streams", "inputs", "dtype"])
def test_what_does_not_fit_is_an_error(cell, wrong):
    module, x, _ = problem(cell, torch.float32)
    state = module.start(1 if wrong == "streams" else 5)
    x = {"streams": x, "inputs": x[..., :1], "dtype": x.double()}[wrong]
    with pytest.raises((RuntimeError, ValueError)):
        module.fast_forward(x, state)


def test_the_default_is_the_network_of_2017():
    shapes = {name: tuple(p.shape) for name, p in GRU().build(1, 1).named_parameters()}
    assert shapes == {
        "recurrence.weight_ih_l0": (150, 1),
        "recurrence.weight_hh_l0": (150, 50),
        "recurrence.bias_ih_l0": (150,),
        "recurrence.bias_hh_l0": (150,),
        "head.0.weight": (50, 50),
        "head.0.bias": (50,),
        "head.2.weight": (1, 50),
        "head.2.bias": (1,),
    }
    assert isinstance(GRU(head=[]).build(1, 1).head, torch.nn.Linear)


@every_cell
def test_a_used_module_can_be_copied_and_pickled(cell):
    module, x, parts = problem(cell, torch.float32)
    y, _ = module.fast_forward(x, state_of(parts))
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(other.fast_forward(x, state_of(parts))[0], y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GRU(hidden=0), "hidden must be a positive int, got 0"),
        (lambda: LSTM(layers=1.5), "layers must be a positive int, got 1.5"),
        (lambda: RNN(head=(50, 0)), r"head must be a list of positive ints, got \(50, 0\)"),
        (lambda: RNN(activation="rely"), "did you mean 'relu'"),
    ],
)
def test_a_wrong_setting_is_an_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()
