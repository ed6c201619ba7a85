"""Fuzz a harness, guided by coverage: ``python fuzz/run.py NAME [options of libFuzzer]``."""

from __future__ import annotations

import functools
import importlib.util
import os
import random
import resource
import sys
import tempfile
from pathlib import Path

import atheris
import attrs

HERE = Path(__file__).parent
if Path("/dev/shm").is_dir():  # files in memory: some hundred times as many executions a second
    os.environ.setdefault("TMPDIR", "/dev/shm")
sys.path.insert(0, str(HERE))


def with_compiled_functions() -> list[str]:
    """Modules of seqfit in which Numba compiles functions: it needs their bytecode as it is."""
    root = Path(importlib.util.find_spec("seqfit").origin).parent
    return [
        ".".join(("seqfit", *path.relative_to(root).with_suffix("").parts))
        for path in root.rglob("*.py")
        if "numba" in (text := path.read_text(encoding="utf-8")) or "seqfit.compiling" in text
    ]


with atheris.instrument_imports(include=["tomllib", "seqfit"], exclude=with_compiled_functions()):
    from harnesses import HARNESSES
    from seqfit import plugins

    for kind in plugins.KINDS:
        for registration in plugins.registrations(kind):
            plugins.import_class(registration)

import mutations
from seqfit.fitting import Experiment

MEMORY = 3 * 2**30
"""Address space beyond what is taken at the start; more is refused, as on a small machine."""


def words() -> set[str]:
    """Names that an experiment may hold."""
    found = {field.name for field in attrs.fields(Experiment)}
    for kind in plugins.KINDS:
        for name in plugins.names(kind):
            found.add(name)
            component = plugins.load(kind, name)
            found |= {f.alias for f in attrs.fields(component)} if attrs.has(component) else set()
    return found


def main() -> None:
    """Fuzz until a fault, or as long as ``-max_total_time`` says."""
    if len(sys.argv) < 2 or sys.argv[1] not in HARNESSES:
        raise SystemExit(f"usage: python fuzz/run.py {{{','.join(HARNESSES)}}} [options]")
    name, *options = sys.argv[1:]
    # Entry points are read from the disk at each call, which is most of the time of an execution.
    plugins.registrations = functools.cache(plugins.registrations)  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as found, tempfile.NamedTemporaryFile("w") as dictionary:
        dictionary.writelines(f'"{word}"\n' for word in sorted(words()))
        dictionary.flush()
        arguments = [
            sys.argv[0], f"-dict={dictionary.name}", "-timeout=60", "-rss_limit_mb=4096",
            "-max_len=65536", *options, found, str(HERE / "corpus" / name),
        ]  # fmt: skip
        mutation = mutations.MUTATIONS.get(name)
        extra = {} if mutation is None else {"custom_mutator": _mutator(mutation)}
        atheris.Setup(arguments, _without_result(HARNESSES[name]), **extra)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
        atheris.Fuzz()


def _without_result(harness):  # type: ignore[no-untyped-def]
    def run(data: bytes) -> None:
        harness(data)

    return run


def _mutator(mutation):  # type: ignore[no-untyped-def]
    def mutator(data: bytes, size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.3:
            return atheris.Mutate(data, size)
        for _ in range(rng.randint(1, 3)):
            data = mutation(data, size, rng, atheris.Mutate)
        return data[:size]

    return mutator


if __name__ == "__main__":
    main()
