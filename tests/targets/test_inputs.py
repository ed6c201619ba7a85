"""What no target takes for inputs."""

import numpy as np
import pytest

from seqfit import plugins
from seqfit.targets import SaturatedIntegral, Sum

NAMES = [
    name
    for name in plugins.names("targets")
    if name
    not in {"beside", "chain", "missing", "noisy", "product", "recorded", "sum", "switch"}  # parts
]


@pytest.mark.parametrize("given", [np.int64, bool, np.float16, np.complex64, list])
def test_only_floats_of_32_and_64_bits_are_taken(given):
    """Others would make outputs that are cut to whole numbers."""
    for target in (
        *(plugins.load("targets", name)() for name in NAMES),
        Sum([SaturatedIntegral()]),
    ):
        inputs = next(n for n in range(1, 6) if _takes(target, n))
        x = np.ones((5, 1, inputs))
        x = x.tolist() if given is list else x.astype(given)
        with pytest.raises(TypeError, match="takes an array of float32 or float64, got "):
            target.transform(x, target.start(1))


def _takes(target, inputs):
    try:
        return target.outputs(inputs) > 0
    except ValueError:
        return False
