"""``python -m benchmarks accuracy | speed``, each with ``--help``."""

from __future__ import annotations

import importlib
import sys

NAMES = ("accuracy", "speed")


def main() -> None:
    """Run the benchmark that the first argument names."""
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        sys.exit(f"usage: python -m benchmarks {{{','.join(NAMES)}}} [options]")
    name = sys.argv.pop(1)
    sys.argv[0] = f"python -m benchmarks {name}"
    importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
