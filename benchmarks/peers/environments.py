"""``python -m benchmarks peers`` builds the peers' environments below ``benchmarks/.peers``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1]
NAMES = ("jax", "ignite", "deep-river")
WITHOUT_REQUIREMENTS = {"deep-river": "deep-river==0.3.4"}
"""Packages whose own requirements can't hold here; their file names what they do need."""


def main() -> None:
    """Build all environments, or those that are named; those that are there are brought up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    names = parser.parse_args().names or NAMES
    for name in names:
        if name not in NAMES:
            parser.error(f"no peer {name!r}: there are {', '.join(NAMES)}")
    for name in names:
        build(name)


def interpreter(name: str) -> Path:
    """The Python of a peer's environment, whether it is there or not."""
    folder = "Scripts" if os.name == "nt" else "bin"
    return BENCHMARKS / ".peers" / name / folder / "python"


def is_built(name: str) -> bool:
    """Whether a peer's environment was built to its end."""
    return _mark(name).is_file()


def build(name: str) -> None:
    """Make a peer's environment, with the torch of ``constraints.txt`` where it takes torch."""
    print(f"{name}: building {_mark(name).parent}", flush=True)
    _mark(name).unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "venv", _mark(name).parent], check=True)
    install = [interpreter(name), "-m", "pip", "install", "-q"]
    constraints = BENCHMARKS.parent / "constraints.txt"
    requirements = BENCHMARKS / f"requirements-{name}.txt"
    subprocess.run([*install, "-c", constraints, "-r", requirements], check=True)
    if name in WITHOUT_REQUIREMENTS:
        subprocess.run([*install, "--no-deps", WITHOUT_REQUIREMENTS[name]], check=True)
    _mark(name).touch()


def _mark(name: str) -> Path:
    return BENCHMARKS / ".peers" / name / "built"
