"""Sweeps: many fits of one experiment, whose settings Optuna chooses.

It needs the extra ``sweep``; nothing else in seqfit imports it.
"""

try:
    import optuna as _optuna
except ImportError as missing:
    if missing.name != "optuna":
        raise
    raise ImportError("a sweep needs Optuna: pip install 'seqfit[sweep]'") from missing

from seqfit.sweeps.dimensions import Choice, Range
from seqfit.sweeps.space import Space
from seqfit.sweeps.sweep import Sweep, from_toml, read_sweep, to_toml

__all__ = ["Choice", "Range", "Space", "Sweep", "from_toml", "read_sweep", "to_toml"]

del _optuna
