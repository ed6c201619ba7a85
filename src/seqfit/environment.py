"""What a fit was made with: versions, and the machine in a few words."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("seqfit", "torch", "numpy", "numba", "scipy", "pytorch_optimizer", "safetensors")
"""What can change the numbers of a fit."""


def environment() -> dict[str, str]:
    """Names, and what is there under them: the versions of `PACKAGES`, Python, the machine."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from a source tree that was not installed
            found[package] = "not installed"
    return found | {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "processor": f"{platform.machine()}, {os.cpu_count()} logical cores",
    }
