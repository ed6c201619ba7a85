"""What no parameter can be is refused where a part is made, by an error that names it."""

import attrs
import numpy as np
import pytest

from seqfit import plugins
from seqfit.signals import Beside, RandomHold, Recorded
from seqfit.targets import Beside as BesideTargets
from seqfit.targets import Chain, Delay, Missing, Noisy, Play, Product, RecordedOutput, Sum, Switch

DATA = {"u": [0.5, 1.0]}
PARTS = [Delay(1), Play()]
BUILT = {
    ("signals", "beside"): Beside([RandomHold()]),
    ("signals", "recorded"): Recorded(DATA, "u"),
    ("targets", "beside"): BesideTargets(PARTS),
    ("targets", "chain"): Chain(PARTS),
    ("targets", "missing"): Missing(Delay(1)),
    ("targets", "noisy"): Noisy(Delay(1)),
    ("targets", "product"): Product(PARTS),
    ("targets", "recorded"): RecordedOutput(DATA, "u"),
    ("targets", "sum"): Sum(PARTS),
    ("targets", "switch"): Switch(PARTS),
}
NUMBERS = [np.nan, np.inf, -np.inf, -1, 0, 10**30, -(10**30), 10**400, -0.0, 2.5, 1e-300]
ABSURD = [
    *NUMBERS,
    *([number] for number in NUMBERS),
    *("x", "", b"x", [], (), {}, [[]], [None], ["x"], [True], True, False, None, 1j, object(), int),
    *(np.array([1.0, 2.0]), np.array([])),
]
ELSEWHERE = {"recording": ("source", "no file at", "is a folder"), "columns": ("no column",)}
"""What errors say of a field that has parts of its own."""


def part(kind, name):
    return BUILT[kind, name] if (kind, name) in BUILT else plugins.load(kind, name)()


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in ("signals", "targets") for name in plugins.names(kind)],
)
def test_it_is_refused_by_an_error_that_names_it_or_it_can_be(kind, name):
    made, refused = part(kind, name), 0
    for field in attrs.fields(type(made)):
        for value in ABSURD if field.init else ():
            error = None
            try:
                found = attrs.evolve(made, **{field.alias: value})
            except (ValueError, TypeError, OSError) as raised:
                error = str(raised)
            if error is None:
                assert hash(found) == hash(attrs.evolve(found))
                assert not isinstance(value, bool) or isinstance(getattr(made, field.name), bool)
                continue
            refused += 1
            told = (field.name, *ELSEWHERE.get(field.name, ()))
            assert any(words in error for words in told), (field.name, value, error)
    fields = [field for field in attrs.fields(type(made)) if field.init]
    assert refused >= 20 * len(fields)
