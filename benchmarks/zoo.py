"""The table of what learns what: each registered target against a solver and four networks.

Run it as ``python -m benchmarks zoo``. Each fit is scored by free runs on streams that were not
fitted. Results are kept one by one in docs/zoo.json, so that a run that was stopped goes on, and a
case or a budget that has changed is run anew; docs/zoo.md and the pictures beside it are made from
them.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.zoo_cases import STREAMS, Case, cases
from benchmarks.zoo_page import DOCS, SOLVER, Kept, write_page
from benchmarks.zoo_pictures import FIRST_SHOWN, SHOWN, draw
from seqfit import Fitter, Model
from seqfit.fitting import DivergedError, Experiment, TorchLearningRate, TorchOptimizer
from seqfit.models import GRU, LSTM, RNN, DiagonalStateSpace, Scaled
from seqfit.schedules import TruncatedBPTT
from seqfit.search import auto

RESULTS = DOCS / "zoo.json"
NETWORKS: dict[str, Model] = {
    "GRU": GRU(),
    "LSTM": LSTM(),
    "RNN": RNN(),
    "diagonal": DiagonalStateSpace(),
}
SOLVED, FITTED, SCALED_BY, SCORED = 5_000, 250_000, 5_000, 40_000
WASHED_OUT = 10
"""The share of each stream that is not scored: a network sees but one start of a stream."""

RATE = 5e-3


def main() -> None:
    """Fit what is not there yet, while there is time, and make the page and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="part of the names of targets to run")
    parser.add_argument("--again", action="store_true", help="run them though they are there")
    parser.add_argument(
        "--minutes",
        type=float,
        default=np.inf,
        help="begin no fit after so many; with 0, only make the page anew",
    )
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    kept: Kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    chosen = [case for case in cases() if arguments.only in case.name]
    if not chosen:
        parser.error(f"--only must be part of a target's name, got {arguments.only!r}")
    for case in chosen:
        if arguments.again or kept.get(case.name, {}).get("case") != described(case):
            kept[case.name] = {"case": described(case), "fits": {}}
    for seed in range(arguments.seeds):
        for case in chosen:
            for name in (SOLVER, *NETWORKS):
                found = kept[case.name]["fits"].setdefault(name, {})
                if str(seed) in found or time.monotonic() > end:
                    continue
                found[str(seed)] = measure(case, name, seed, kept[case.name])
                keep(kept)
                print(case.name, name, seed, found[str(seed)], flush=True)
    write_page(kept, (SOLVER, *NETWORKS))
    draw(kept, held_out)


def described(case: Case) -> str:
    """What decides the numbers of a case."""
    return (
        f"{case.signal!r} -> {case.target!r}; {SOLVED}, {FITTED}, {SCORED} samples, "
        f"{STREAMS} streams, washout 1/{WASHED_OUT}, rate {RATE}, {list(NETWORKS.values())!r}"
    )


def keep(kept: Kept) -> None:
    """Write all results, whole or not at all."""
    beside = RESULTS.with_suffix(".part")
    beside.write_text(json.dumps(kept, indent=1) + "\n")
    beside.replace(RESULTS)


def measure(case: Case, name: str, seed: int, kept: dict[str, Any]) -> dict[str, Any]:
    """Fit and score one contestant; the best of the first seed leaves what it gives out."""
    begin = time.process_time()
    try:
        fitter, note = solve(case, seed) if name == SOLVER else train(case, name, seed)
    except (DivergedError, ValueError) as error:
        return {"nrmse": None, "note": str(error)}
    seconds = round(time.process_time() - begin, 2)
    samples = None if case.signal.held_out().length else SCORED
    washout = fitter.held_out_source().length_of(samples) // WASHED_OUT
    nrmse = fitter.evaluate(samples, washout=washout).nrmse
    if nrmse is None or not np.isfinite(nrmse):
        return {"nrmse": None, "seconds": seconds, "note": "the free run is not finite"}
    nrmse = float(f"{nrmse:.3g}")
    best = kept.get("shown", {}).get("nrmse", np.inf)
    if seed == 0 and nrmse < best:
        x, _ = held_out(case)
        shown = fitter.predict(x)[-SHOWN:, 0]  # (time, outputs)
        output = [" ".join(f"{v:.4g}" for v in channel) for channel in shown.T]
        kept["shown"] = {"model": name, "nrmse": nrmse, "output": output}
    return {"nrmse": nrmse, "seconds": seconds, "note": note}


def solve(case: Case, seed: int) -> tuple[Fitter, str]:
    """The better of `exact` and `exact_hidden`, judged by streams of their own."""
    parts = {"signal": case.signal, "target": case.target, "missing": missing(case)}
    found = auto(SOLVED, seed, parts, lambda *_: (), lambda attempt: attempt.recipe != "exact")
    return found.fitter, found.recipe


def train(case: Case, name: str, seed: int) -> tuple[Fitter, str]:
    """A network, fitted in one pass."""
    return Fitter.of(experiment(case, NETWORKS[name], seed)).fit(), ""


def experiment(case: Case, model: Model, seed: int) -> Experiment:
    """The same for all networks: windows of 100 samples every 25, a one-cycle rate."""
    x, _ = case.signal.generate(case.signal.start(STREAMS, seed), SCALED_BY)
    y, _ = case.target.transform(x, case.target.start(STREAMS))
    there = ~np.isnan(y).any(axis=(1, 2))
    cycle = {"max_lr": RATE, "pct_start": 0.1, "cycle_momentum": False}
    return Experiment(
        case.signal,
        case.target,
        Scaled.to_data(model, x, y[there]),
        TruncatedBPTT(k1=25, k2=100, loss_on="all", streams=STREAMS),
        optimizer=TorchOptimizer("Adam", {"lr": RATE, "fused": True}),
        learning_rate=TorchLearningRate("OneCycleLR", cycle),
        loss="mse",
        clip=1.0,
        missing=missing(case),
        seed=seed,
        samples=FITTED,
    )


def missing(case: Case) -> str:
    """What an output that is not a number means."""
    return "mask" if case.target.has_missing else "error"


def held_out(case: Case) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Inputs and outputs of a stream, of which the pictures show the end."""
    unfitted = Fitter.of(experiment(case, RNN(), 0))
    length = min(FIRST_SHOWN + SHOWN, case.signal.held_out().length or FITTED)
    return unfitted.held_out_samples(length, streams=1)


if __name__ == "__main__":
    main()
