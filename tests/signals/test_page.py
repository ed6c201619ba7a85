"""The page of the built-in signals says what is so."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_its_script_writes():
    spec = importlib.util.spec_from_file_location("make_signals", DOCS / "make_signals.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = (DOCS / "signals.md").read_text(encoding="utf-8")
    assert script.page() == written, "run: python docs/make_signals.py"
