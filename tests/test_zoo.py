"""The zoo of the benchmarks has a case for each target of seqfit, and its page a row."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from seqfit import plugins

ROOT = Path(__file__).parents[1]
NAMES = [r.name for r in plugins.registrations("targets") if r.distribution.startswith("seqfit ")]


@pytest.fixture(scope="module")
def cases():
    path = ROOT / "benchmarks" / "zoo_cases.py"
    spec = importlib.util.spec_from_file_location("zoo_cases", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {case.name: case for case in module.cases()}


def test_there_is_one_case_for_each_registered_target(cases):
    assert sorted(cases) == NAMES
    for name, case in cases.items():
        parts = [case.target, *getattr(case.target, "parts", ())]
        assert any(isinstance(part, plugins.load("targets", name)) for part in parts)


@pytest.mark.parametrize("name", NAMES)
def test_a_case_brings_its_target_to_move(cases, name):
    """Otherwise there would be no spread to measure errors by."""
    case = cases[name]
    x, _ = case.signal.generate(case.signal.start(8, 0), 600)
    y, _ = case.target.transform(x, case.target.start(8))
    assert np.isnan(y).any() == case.target.has_missing
    assert (np.nanstd(y, axis=(0, 1)) > 0.05).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_a_row_for_each_target(name):
    page = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
    assert sum(line.startswith(f"| {name} |") for line in page.splitlines()) == 1
