"""What a sample of each registered signal and target costs, for 1, 8 and 64 streams.

Run it as ``python -m benchmarks generation``. Each part has its defaults; one that has none is
taken as it stands in `EXAMPLES`. Targets are fed random holds, or white noise. Times are medians of
the processor's time for this process, on one thread and without compilation.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seqfit import plugins
from seqfit.recordings import Recording
from seqfit.signals import Beside, RandomHold, Recorded, Signal, UniformNoise
from seqfit.targets import Chain, LeakyIntegral, Noisy, RecordedOutput, SaturatedIntegral, Target

STREAMS = (1, 8, 64)
ROUNDS = 5
LIMIT = 0.2
"""Microseconds a sample and stream that a part should not exceed."""

_RECORDING = Recording({"u": np.linspace(-1, 1, 10_000)[:, None].repeat(64, 1)}, repeat=True)
EXAMPLES: dict[tuple[str, str], Signal | Target] = {
    ("signals", "beside"): Beside([RandomHold(), RandomHold()]),
    ("signals", "recorded"): Recorded(_RECORDING, ["u"]),
    ("targets", "chain"): Chain([SaturatedIntegral(), LeakyIntegral()]),
    ("targets", "noisy"): Noisy(SaturatedIntegral()),
    ("targets", "recorded"): RecordedOutput(_RECORDING, ["u"]),
}
_MOST_INPUTS = 8


def main() -> None:
    """Print a table of signals and one of targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts to measure; all if none is named")
    parser.add_argument("--samples", type=int, default=200_000, help="over all streams, a round")
    parser.add_argument("--noise", action="store_true", help="feed targets white noise")
    arguments = parser.parse_args()
    known = {name for kind in ("signals", "targets") for name in plugins.names(kind)}
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        parser.error(f"no signal or target is named {unknown[0]!r}")
    fed = UniformNoise() if arguments.noise else RandomHold()
    for kind in ("signals", "targets"):
        _print_table(kind, arguments.names or plugins.names(kind), arguments.samples, fed)


def _print_table(kind: plugins.Kind, names: Sequence[str], samples: int, fed: Signal) -> None:
    heads = [f"{count} stream{'' if count == 1 else 's'}" for count in STREAMS]
    print(f"\n| {kind}, us / sample and stream | {' | '.join(heads)} |")
    print("| --- |" + " ---: |" * len(STREAMS))
    left_out, slow = [], []
    for name in (name for name in plugins.names(kind) if name in names):
        part = _part(kind, name)
        if part is None:
            left_out.append(name)
            continue
        times = [_microseconds(part, streams, samples // streams, fed) for streams in STREAMS]
        print(f"| {name} | {' | '.join(f'{spent:.4f}' for spent in times)} |", flush=True)
        slow += [name] if max(times) > LIMIT else []
    print(f"\nOver {LIMIT}: {', '.join(slow) or 'none'}.")
    if left_out:
        print(f"Not measured, since they have no defaults: {', '.join(left_out)}.")


def _part(kind: plugins.Kind, name: str) -> Signal | Target | None:
    if (kind, name) in EXAMPLES:
        return EXAMPLES[kind, name]
    cls = plugins.load(kind, name)
    try:
        part: Signal | Target = cls()
    except TypeError:  # a field has no default
        return None
    return part


def _microseconds(part: Signal | Target, streams: int, length: int, fed: Signal) -> float:
    if isinstance(part, Signal):
        run = _generation(part, streams)
    else:
        run = _answer(part, streams, length, fed)
    run(min(length, 100))  # compiles
    spent = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        run(length)
        spent.append(time.process_time() - begin)
    return statistics.median(spent) / (length * streams) * 1e6


def _generation(signal: Signal, streams: int) -> Callable[[int], Any]:
    state = signal.start(streams, seed=0)
    return lambda length: signal.generate(state, length)


def _answer(target: Target, streams: int, length: int, fed: Signal) -> Callable[[int], Any]:
    signal = Beside([fed] * _inputs(target))
    x, _ = signal.generate(signal.start(streams, seed=0), length)
    state = target.start(streams)
    return lambda length: target.transform(x[:length], state)


def _inputs(target: Target) -> int:
    """The fewest channels that a target takes."""
    for inputs in range(1, _MOST_INPUTS):
        try:
            target.outputs(inputs)
        except ValueError:
            continue
        return inputs
    raise ValueError(f"{target!r} takes none of 1 to {_MOST_INPUTS} channels")


if __name__ == "__main__":
    main()
