"""The laws of seqfit as a test kit, for its own components and for those of plugins.

One line in a test checks a component against every law of its interface::

    def test_my_target_obeys_the_laws():
        check_target(MyTarget())

A law that is broken raises a `LawViolation`, which says which law it was, and the smallest example
that breaks it. The strategies draw the inputs of each interface, for tests of one's own.
"""

try:
    import hypothesis as _hypothesis  # noqa: F401 - without it, the error names the extra
except ModuleNotFoundError as error:
    raise ImportError(
        "seqfit.testing needs hypothesis, which comes with the extra seqfit[testing]: "
        "pip install 'seqfit[testing]'"
    ) from error

from seqfit.testing.fitters import check_fitter
from seqfit.testing.laws import LawViolation
from seqfit.testing.models import check_model
from seqfit.testing.schedules import check_schedule
from seqfit.testing.signals import check_signal
from seqfit.testing.strategies import chunkings, lengths, losses, samples, seeds, stream_counts
from seqfit.testing.targets import check_target

__all__ = [
    "LawViolation",
    "check_fitter",
    "check_model",
    "check_schedule",
    "check_signal",
    "check_target",
    "chunkings",
    "lengths",
    "losses",
    "samples",
    "seeds",
    "stream_counts",
]
