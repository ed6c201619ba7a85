"""The pages of the built-in signals and targets say what is so."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", ["signals.md", "targets.md"])
def test_a_page_is_what_its_script_writes(name):
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGES.keys() == {"signals.md", "targets.md"}
    written = (DOCS / name).read_text(encoding="utf-8")
    assert script.PAGES[name]() == written, "run: python docs/make_reference.py"
