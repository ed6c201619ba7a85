"""Inputs that were found by fuzzing, and those that it starts from: none brings a harness down."""

import importlib.util
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "fuzz"
CORPUS = FUZZ / "corpus"
INPUTS = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.glob("*/*"))


@pytest.fixture(scope="module")
def harnesses():
    spec = importlib.util.spec_from_file_location("harnesses", FUZZ / "harnesses.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.HARNESSES


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_is_read_or_refused_as_documented(name, harnesses):
    """What is called valid is read; anything else may be, or is a documented error."""
    accepted = harnesses[name.split("/")[0]]((CORPUS / name).read_bytes())
    assert accepted or "/valid-" not in name


def test_there_is_a_corpus_for_each_harness(harnesses):
    for harness in harnesses:
        assert len(list((CORPUS / harness).glob("valid-*"))) >= 3
