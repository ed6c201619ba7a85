"""The laws of the fitter, for the parts that it was made of."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import torch
from hypothesis import strategies as st
from torch import Tensor

from seqfit import states
from seqfit.fitting import Fitter, TorchOptimizer
from seqfit.fitting.engines import ENGINE_NAMES
from seqfit.fitting.experiment import to_partial_data
from seqfit.testing.laws import Broken, Law, check_laws
from seqfit.testing.modules import isolated_torch

_REFERENCE = "eager"
# "compiled" does not know every model; where it does, "auto" is it.
_OTHER_ENGINES = tuple(name for name in ENGINE_NAMES if name not in ("compiled", _REFERENCE))
# Relative to the norm of the weights.
_TOLERANCES = {"float32": 1e-5, "float64": 1e-9}


def check_fitter(make: Callable[[], Fitter], *, samples: int = 60, examples: int = 8) -> None:
    """Check the laws of the fitter with parts of one's own.

    Args:
        make: makes a fresh fitter, with a signal and a target; the same one at each call.
        samples: the most samples of a fit, over all streams; at least 2.
        examples: how many are tried for each law.

    Raises:
        LawViolation: a law is broken; it holds the smallest example that was found.
    """

    def law(name: str, holds: Callable[..., None], **values: st.SearchStrategy[object]) -> Law:
        def holds_for(_fitter: Fitter, **example: object) -> None:
            holds(make, **example)

        return Law(name, holds_for, lambda _fitter: st.fixed_dictionaries(values))

    once, half = st.integers(1, samples), st.integers(1, samples // 2)
    laws = (
        law("determinism", _fits_the_same_again, samples=once),
        law("chunk invariance", _does_not_see_chunks, a=half, b=half),
        law("save and load", _goes_on_from_a_checkpoint, a=half, b=half),
        law("undisturbed training", _is_not_disturbed_by_looking, a=half, b=half),
        law(
            "engines",
            _agrees_with_eager,
            samples=once,
            engine=st.sampled_from(_OTHER_ENGINES),
            dtype=st.sampled_from(sorted(_TOLERANCES, reverse=True)),
        ),
    )
    with isolated_torch():
        check_laws(make(), Fitter, laws, examples=examples)


def _fits_the_same_again(make: Callable[[], Fitter], samples: int) -> None:
    _require_same(make().fit(samples), make().fit(samples), f"two fits of {samples} samples")


def _does_not_see_chunks(make: Callable[[], Fitter], a: int, b: int) -> None:
    _require_same(make().fit(a).fit(b), make().fit(a + b), f"fit({a}).fit({b}) and fit({a + b})")


def _goes_on_from_a_checkpoint(make: Callable[[], Fitter], a: int, b: int) -> None:
    fitter = make().fit(a)
    parts = {name: getattr(make(), name) for name in to_partial_data(fitter.experiment)[1]}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fit"
        fitter.save(path)
        loaded = Fitter.load(path, **parts)
    what = f"a fit that was saved and loaded after {a} samples, and one without a stop,"
    _require_same(loaded.fit(b), make().fit(a).fit(b), what)


def _is_not_disturbed_by_looking(make: Callable[[], Fitter], a: int, b: int) -> None:
    disturbed = make().fit(a)
    x, _ = disturbed.held_out_samples(a, streams=1)
    disturbed.predict(x)
    disturbed.evaluate(a, streams=1)
    what = f"a fit with predict() and evaluate() after {a} samples, and one without,"
    _require_same(disturbed.fit(b), make().fit(a).fit(b), what)


def _agrees_with_eager(make: Callable[[], Fitter], samples: int, engine: str, dtype: str) -> None:
    parts: dict[str, Any] = {"dtype": dtype}
    if dtype == "float32":
        # Adam and its like scale a gradient up that is nothing but the rounding of this dtype.
        parts["optimizer"] = TorchOptimizer("SGD", {"lr": 0.01})
    found, expected = (
        _weights(attrs.evolve(make(), engine=name, **parts).fit(samples))
        for name in (engine, _REFERENCE)
    )
    distance = float((found - expected).norm() / expected.norm().clamp(min=1e-30))
    if not distance <= _TOLERANCES[dtype]:
        raise Broken(
            f"the engine {engine!r} and {_REFERENCE!r} differ by {distance:.1e} of the weights"
        )


def _require_same(a: Fitter, b: Fitter, what: str) -> None:
    if not states.same(_tensors(a), _tensors(b)):
        raise Broken(f"{what} gave different weights")
    if not states.same(a.loss_curve, b.loss_curve) or a.report.samples != b.report.samples:
        raise Broken(f"{what} gave different losses")


def _tensors(fitter: Fitter) -> dict[str, Tensor]:
    return dict(fitter.module.state_dict())


def _weights(fitter: Fitter) -> Tensor:
    return torch.cat([p.detach().flatten() for p in fitter.module.parameters()])
