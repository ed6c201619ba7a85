"""``python -m benchmarks NAME``, each with ``--help``; see `MODULES` for the names."""

from __future__ import annotations

import importlib
import sys

MODULES = {
    "accuracy": "benchmarks.accuracy",
    "zoo": "benchmarks.zoo",
    "speed": "benchmarks.speed",
    "growth": "benchmarks.growth",
    "generation": "benchmarks.generation",
    "ranks": "benchmarks.ranks",
    "gpu": "benchmarks.gpu",
    "checkpoints": "benchmarks.checkpoints",
    "diagnosis": "benchmarks.diagnosis",
    "changing": "benchmarks.changing",
    "peers": "benchmarks.peers.environments",
}


def main() -> None:
    """Run the benchmark that the first argument names."""
    if len(sys.argv) < 2 or sys.argv[1] not in MODULES:
        sys.exit(f"usage: python -m benchmarks {{{','.join(MODULES)}}} [options]")
    name = sys.argv.pop(1)
    sys.argv[0] = f"python -m benchmarks {name}"
    importlib.import_module(MODULES[name]).main()


if __name__ == "__main__":
    main()
