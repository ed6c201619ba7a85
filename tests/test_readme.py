"""What the README shows runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_python_blocks_run(number, tmp_path):
    rows = "\n".join(f"{i % 7 / 7},{i % 5}" for i in range(400))
    (tmp_path / "log.csv").write_text(f"valve,flow\n{rows}\n")
    command = [sys.executable, "-W", "error", "-c", BLOCKS[number]]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)


def test_there_are_blocks_to_run():
    assert len(BLOCKS) >= 4


def test_pictures_are_there():
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).is_file()
