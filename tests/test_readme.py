"""What the README and the pages of the docs show runs as it stands."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = ["sweeps.md"]  # its blocks belong together, see tests/cli/test_sweep.py
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    if page.name not in ELSEWHERE
    for number, block in enumerate(
        re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    )
]


@pytest.mark.parametrize("block", BLOCKS)
def test_python_blocks_run(block, tmp_path, monkeypatch):
    rows = "\n".join(f"{i % 7 / 7},{i % 5}" for i in range(2000))
    (tmp_path / "log.csv").write_text(f"valve,flow\n{rows}\n")
    (tmp_path / "blocks.py").write_text(block, encoding="utf-8")  # compiled functions want a file
    monkeypatch.chdir(tmp_path)
    runpy.run_path("blocks.py", run_name="__main__")


def test_there_are_blocks_to_run():
    assert len(BLOCKS) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pictures_are_there(page):
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / picture).is_file()
