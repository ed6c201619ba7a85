"""What a diagnosis finds in data alone: planted changes, drifts, still inputs, unrecorded ones.

Run it as ``python -m benchmarks changing``. Every target of the zoo, on its signal, is healthy, and
so is every target of one input on inputs whose own character changes; defects are planted in the
former. Counts are kept seed by seed in docs/diagnosis_data.json, so that a run that was stopped
goes on; docs/diagnosis_data.md is written from them.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.changing_page import CALIBRATION, CONFIRMATION, page
from benchmarks.zoo_cases import FAMILIES, Case
from seqfit.diagnosis import THRESHOLDS
from seqfit.diagnosis.changing import change_along
from seqfit.diagnosis.data import LONG_STILL, still_shares
from seqfit.diagnosis.noise import STAYS, unexplained
from seqfit.diagnosis.specimen import CannotTellError
from seqfit.fitting.source import SampleSource
from seqfit.signals import Chirp, Multisine, RandomHold, RandomWalk, Signal, UniformNoise
from seqfit.targets import Target

DOCS = Path(__file__).parent.parent / "docs"
RESULTS, PAGE = DOCS / "diagnosis_data.json", DOCS / "diagnosis_data.md"
SIZES = tuple((streams, length) for streams in (1, 16) for length in (2_000, 10_000, 50_000))
"""Streams, and samples over all of them."""
NOISE_SIZES = ((1, 10_000), (16, 10_000))
"""Likewise where neighbours are looked for, of which more are not looked at."""
REPEATED = "recorded"
"""The case whose samples come again after a while."""
ITS_LENGTH = 1_200
NOISY = {"noisy", "missing"}
"""Cases that are not healthy as far as noise is concerned, or of which it can't be told."""

Plant = Callable[[Any, Any, Target, Any], tuple[Any, Any]]
"""From inputs, outputs, the target that gave them and a generator: inputs and outputs."""


def main() -> None:
    """Measure the seeds that were not measured yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[*CALIBRATION, *CONFIRMATION])
    parser.add_argument("--again", action="store_true", help="measure them though they are there")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    kept: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    tasks = [
        (part, seed)
        for seed in arguments.seeds
        for part in PARTS
        if arguments.again or f"{part} {seed}" not in kept
    ]
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        for task, counts in zip(tasks, pool.map(_measured, tasks), strict=True):
            kept["{} {}".format(*task)] = counts
            RESULTS.write_text(json.dumps(kept) + "\n")
            print(*task, sum(of["sets"] for of in counts.values()), "data sets", flush=True)
    PAGE.write_text(page(kept))


def _measured(task: tuple[str, int]) -> dict[str, Any]:
    """Counts by defect, family and size: of data sets, of those not told, and of each finding."""
    part, seed = task
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for family, defect, size, found in PARTS[part](seed):
        where = "|".join([defect, family, f"{size[0]} x {size[1] // size[0]:,}"])
        counts[where].update(["sets", *found])
    return {where: dict(sorted(of.items())) for where, of in counts.items()}


Measured = Iterator[tuple[str, str, tuple[int, int], list[str]]]


def _changes(seed: int) -> Measured:
    """Of the zoo, healthy and with a relation that changes, and with inputs that stand still."""
    for family, case, size, x, y in _zoo(seed, SIZES):
        for defect, plant in CHANGES.items():
            changed = plant(x, y, case.target, None)
            if np.isinf(changed[1]).any():
                continue
            yield family, defect, size, _found_changes(*changed)


def _varied(seed: int) -> Measured:
    """Of targets with one input, on inputs whose character changes along the stream."""
    for family, case, size, x, y in _zoo(seed, tuple(s for s in SIZES if s != (16, 2_000))):
        if x.shape[2] > 1 or case.name == REPEATED or size[1] == 50_000:
            continue
        rng = np.random.default_rng(seed)
        low, high = x.min(), x.max()
        for name, shape in SHAPES.items():
            other = (low + (high - low) * shape(*x.shape[:2], rng)[..., None]).astype(x.dtype)
            with np.errstate(all="ignore"):
                y, _ = case.target.transform(other, case.target.start(x.shape[1]))
            if np.isinf(y).any() or not np.nan_to_num(np.ptp(y, axis=(0, 1))).any():
                continue
            yield family, f"healthy: {name}", size, _found_changes(other, y)
            yield family, f"flipped: {name}", size, _found_changes(other, _times(-1.0)(other, y)[1])


def _noises(seed: int) -> Measured:
    """Of the zoo, healthy, with white noise, and with something that was not recorded."""
    for family, case, size, x, y in _zoo(seed, NOISE_SIZES):
        if case.name in NOISY:
            continue
        for defect, plant in NOISES.items():
            rng = np.random.default_rng([seed, size[0]])
            yield family, defect, size, _found_noise(*plant(x, y, case.target, rng))


PARTS: dict[str, Callable[[int], Measured]] = {
    "changes": _changes,
    "varied": _varied,
    "noises": _noises,
}


def _found_changes(x: Any, y: Any) -> list[str]:
    found = ["constant_input"] * bool((still_shares(x) > LONG_STILL).any())
    try:
        change = change_along(x, y)
    except CannotTellError:
        return [*found, "not_told"]
    if change.is_another:
        return [*found, "changing_relation", "either"]
    drifts = bool(change.drift_size.low > THRESHOLDS["output_trend"])
    return [*found, *["output_trend", "either"] * drifts]


def _found_noise(x: Any, y: Any) -> list[str]:
    try:
        found = unexplained(x, y)
    except CannotTellError:
        return ["not_told"]
    kind = "unrecorded_input" if found.stays >= STAYS else "noisy_target"
    return [kind, "either"] if found.share > THRESHOLDS[kind] else []


def _zoo(seed: int, sizes: tuple[tuple[int, int], ...]) -> Iterator[tuple[Any, ...]]:
    for family in FAMILIES:
        for case in family.cases:
            for streams, length in sizes:
                if streams > (case.signal.max_streams or streams):
                    continue
                time = length // streams
                if case.name == REPEATED:
                    time = min(time, ITS_LENGTH)
                yield family.title, case, (streams, length), *_samples(case, seed, streams, time)


def _samples(case: Case, seed: int, streams: int, time: int) -> tuple[Any, Any]:
    source = SampleSource.start(case.signal, case.target, streams, seed, "float32", "mask")
    return source.take(time)


def _later(time: int) -> Any:
    return (np.arange(time) >= time // 2)[:, None, None]


def _times(gain: float) -> Plant:
    """The outputs of the second half, times something."""
    return lambda x, y, *_: (x, np.where(_later(len(y)), gain * y, y))


def _plus(jump: float, drift: float) -> Plant:
    """Outputs that jump half-way and drift all along, by so many of their deviations."""

    def plant(x: Any, y: Any, *_: Any) -> tuple[Any, Any]:
        along = np.linspace(0.0, drift, len(y))[:, None, None] + jump * _later(len(y))
        return x, y + along * np.nanstd(y, axis=(0, 1))

    return plant


def _seen_as(gain: float) -> Plant:
    """Inputs of which the second half reaches the target times something."""

    def plant(x: Any, _y: Any, target: Target, _: Any) -> tuple[Any, Any]:
        other = np.where(_later(len(x)), gain * x, x).astype(x.dtype)
        with np.errstate(all="ignore"):
            return x, target.transform(other, target.start(x.shape[1]))[0]

    return plant


def _still(x: Any, _y: Any, target: Target, _: Any) -> tuple[Any, Any]:
    """The first input stands still through half of the stream."""
    other, begin = x.copy(), len(x) // 4
    other[begin : begin + len(x) // 2, :, 0] = x[begin, :, 0]
    return other, target.transform(other, target.start(x.shape[1]))[0]


CHANGES: dict[str, Plant] = {
    "healthy": lambda x, y, *_: (x, y),
    "sign flips": _times(-1.0),
    "gain halves": _times(0.5),
    "gain doubles": _times(2.0),
    "input gain halves": _seen_as(0.5),
    "offset jumps by 1": _plus(1.0, 0.0),
    "drift by 0.5": _plus(0.0, 0.5),
    "drift by 1": _plus(0.0, 1.0),
    "drift by 2": _plus(0.0, 2.0),
    "input still for half": _still,
}


def _with(made: Callable[[Any, int, int], Any], deviation: float) -> Plant:
    """Outputs with something added, of so many of their deviations."""
    return lambda x, y, _, rng: (
        x,
        y + deviation * made(rng, *y.shape[:2])[..., None] * y.std(axis=(0, 1)),
    )


def _white(rng: Any, time: int, streams: int) -> Any:
    return rng.normal(size=(time, streams))


def _slow(rng: Any, time: int, streams: int) -> Any:
    """A process of first order that forgets within 20 samples."""
    news, level = rng.normal(size=(time, streams)), 0.0
    slow = np.empty_like(news)
    for t in range(time):
        slow[t] = level = 0.95 * level + np.sqrt(1 - 0.95**2) * news[t]
    return slow


def _held(rng: Any, time: int, streams: int) -> Any:
    """Held levels, of deviation 1."""
    return (_of(RandomHold(0.03), time, streams, rng) - 0.5) * np.sqrt(12)


NOISES: dict[str, Plant] = {
    "healthy": lambda x, y, *_: (x, y),
    "white noise of 0.2": _with(_white, 0.2),
    "unrecorded: slow, of 0.5": _with(_slow, 0.5),
    "unrecorded: held levels, of 0.5": _with(_held, 0.5),
    "unrecorded: held levels, of 1": _with(_held, 1.0),
}


def _of(signal: Signal, time: int, streams: int, rng: Any) -> Any:
    return signal.generate(signal.start(streams, int(rng.integers(2**31))), time)[0][..., 0]


def _growing(time: int, streams: int, rng: Any) -> Any:
    size = np.linspace(0.2, 1.0, time)[:, None]
    return 0.5 + size * (_of(RandomHold(), time, streams, rng) - 0.5)


def _risen(time: int, streams: int, rng: Any) -> Any:
    return 0.4 * _of(RandomHold(), time, streams, rng) + np.linspace(0, 0.6, time)[:, None]


def _shifted(time: int, streams: int, rng: Any) -> Any:
    return 0.5 * _of(RandomHold(), time, streams, rng) + 0.5 * _later(time)[..., 0]


def _faster(time: int, streams: int, rng: Any) -> Any:
    slow, fast = (_of(RandomHold(p), time, streams, rng) for p in (0.02, 0.3))
    return np.where(_later(time)[..., 0], fast, slow)


def _steps(time: int, streams: int, rng: Any) -> Any:
    """A step test of 20 levels."""
    return np.repeat(rng.uniform(size=(20, streams)), -(-time // 20), axis=0)[:time]


def _stairs(time: int, streams: int, _: Any) -> Any:
    """Up and down by ten steps each."""
    levels = np.concatenate([np.linspace(0, 1, 10), np.linspace(1, 0, 10)])
    return np.repeat(levels, -(-time // 20))[:time, None].repeat(streams, axis=1)


def _campaign(time: int, streams: int, rng: Any) -> Any:
    """Noise, then a multisine, then steps."""
    third = time // 3
    parts = [_of(UniformNoise(), third, streams, rng), _multisine(third, streams, rng)]
    return np.concatenate([*parts, _steps(time - 2 * third, streams, rng)])


def _multisine(time: int, streams: int, rng: Any) -> Any:
    return 0.5 + 0.15 * _of(Multisine(period=200, last=20), time, streams, rng)


SHAPES: dict[str, Callable[[int, int, Any], Any]] = {
    "chirp": lambda time, streams, rng: (
        0.5 + 0.5 * _of(Chirp(0.002, 0.1, sweep=time), time, streams, rng)
    ),
    "multisine": _multisine,
    "growing": _growing,
    "rising": _risen,
    "shifted": _shifted,
    "faster": _faster,
    "steps": _steps,
    "stairs": _stairs,
    "campaign": _campaign,
    "random walk": lambda time, streams, rng: _of(RandomWalk(0.01), time, streams, rng),
}
