"""A sweep: an experiment, what is chosen in it, by what score and in which way."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, final

import attrs
import tomli_w

from seqfit import configuration
from seqfit.configuration import ConfigurationError
from seqfit.fitting import experiment as experiments
from seqfit.fitting.experiment import Experiment
from seqfit.limits import read_text
from seqfit.sweeps.drivers import Driver, as_pruner, as_sampler
from seqfit.sweeps.space import Space, space
from seqfit.validators import must, natural, one_of, positive_int, seed, text

_file_name = must(
    "a name without slashes", lambda v: bool(v) and not set(v) & set("/\\") and v not in (".", "..")
)


@final
@attrs.frozen(kw_only=True)
class Sweep:
    """Many fits of an experiment, each with settings that Optuna chooses.

    Attributes:
        space: the experiment, and which of its settings are chosen from what.
        name: Optuna's study is called so.
        metric: ``"rmse"``, ``"mae"`` or ``"nrmse"`` of free runs on validation streams, which
            are neither fitted nor those of `Fitter.evaluate`; of recorded data, on its validation
            stretch.
        trials: how many fits are made in all, if nothing else is said.
        reports: how often each fit is scored on its way, its end included; the pruner compares
            trials at equal reports, which are numbered from 1.
        length: samples of each validation stream.
        streams: validation streams, or as many as the signal has.
        washout: leading samples of each that are left out of the score.
        sampler: how settings are chosen: a class of `optuna.samplers`, and its options.
        pruner: which fits are given up on their way: a class of `optuna.pruners`, likewise.
        seed: of the sampler.
    """

    space: Space
    name: str = attrs.field(default="sweep", validator=[text, _file_name])
    metric: Literal["rmse", "mae", "nrmse"] = attrs.field(
        default="rmse", validator=one_of("rmse", "mae", "nrmse")
    )
    trials: int = attrs.field(default=100, validator=positive_int)
    reports: int = attrs.field(default=10, validator=positive_int)
    length: int = attrs.field(default=5_000, validator=positive_int)
    streams: int = attrs.field(default=4, validator=positive_int)
    washout: int = attrs.field(default=0, validator=natural)
    sampler: Driver = attrs.field(factory=lambda: as_sampler("TPESampler"), converter=as_sampler)
    pruner: Driver = attrs.field(factory=lambda: as_pruner("MedianPruner"), converter=as_pruner)
    seed: int = attrs.field(default=0, validator=seed)

    def __attrs_post_init__(self) -> None:
        if self.washout >= self.length:
            raise ValueError(f"washout must be below length={self.length}, got {self.washout}")
        if self.space.base.signal is None:
            raise ValueError("a sweep needs an experiment with a [signal] and a [target]")

    @property
    def experiment(self) -> Experiment:
        """The experiment, before anything is chosen."""
        return self.space.base


def to_toml(sweep: Sweep) -> str:
    """The sweep as TOML: the experiment, and beside it ``[sweep]`` and ``[space]``.

    Raises:
        NotSerialisable: a part of the experiment holds code or data in memory.
    """
    own = {f.name: getattr(sweep, f.name) for f in attrs.fields(Sweep) if f.name not in _ELSEWHERE}
    drivers = {name: getattr(sweep, name).settings() for name in ("sampler", "pruner")}
    document = {"sweep": own | drivers, "space": sweep.space.settings()}
    return experiments.to_toml(sweep.experiment) + "\n" + tomli_w.dumps(document)


def from_toml(text: str, source: str = "the sweep", name: str = "sweep") -> Sweep:
    """The sweep that some TOML describes.

    Args:
        text: what `to_toml` wrote, or a user did; what is left out has its default.
        source: where it is from, named in errors.
        name: of the sweep, where the text has none.

    Raises:
        ConfigurationError: it is not TOML, or something in it is unknown or wrong.
        PluginError: a name in it can't be loaded.
    """
    data = configuration.read_toml(text, source)
    if "space" not in data:
        raise ConfigurationError(f"{source} has no [space]: it says which settings are chosen")
    chosen_from, own = data.pop("space"), data.pop("sweep", {})
    what = experiments.from_toml(tomli_w.dumps(data), source)
    settings: dict[str, Any] = {"name": name, **own} if isinstance(own, dict) else own
    given: dict[str, Any] = {"space": space(what, chosen_from)}
    for part, read in (("sampler", as_sampler), ("pruner", as_pruner)):
        if part in settings:
            given[part] = read(settings[part])
    return configuration.build(Sweep, settings, where=f"[sweep] of {source}", given=given)


def read_sweep(path: Path) -> Sweep:
    """The sweep in a TOML file; raises as `from_toml` and `seqfit.limits.read_text` do."""
    return from_toml(read_text(path), str(path), path.stem)


_ELSEWHERE = ("space", "sampler", "pruner", "trials")
"""Fields that are written otherwise; how many trials are made may differ from start to start."""
