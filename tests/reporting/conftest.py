"""One report for all tests, on runs whose names mean harm, and a browser that opens it."""

import json
import os
import shutil

import numpy as np
import pytest

from seqfit.cli import main
from seqfit.cli.run_files import read_result
from seqfit.cli.runs import RunFolder

HOSTILE = "<script>window.harmed=1</script>"
CLOSING = "</script><img src=x onerror=window.harmed=1>&copy"


def command(*arguments):
    """Run seqfit; gives the exit code."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code or 0


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A folder with two runs: ``plain``, and one of recorded data with hostile columns."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    x = np.repeat(rng.uniform(size=200), 10)
    y = np.convolve(x, [0.5, 0.3, 0.2])[: len(x)]
    rows = "\n".join(f"{a:.6f};{b:.6f}" for a, b in zip(x, y, strict=True))
    (folder / "data.csv").write_text(f"{HOSTILE};{CLOSING}\n{rows}\n")
    small = ("--model", "rnn:hidden=4,head=[]", "--engine", "windowed")
    plain, hostile = folder / "plain", folder / "<b>hostile"
    assert command("fit", *small, "--samples", 4000, "--run", plain) == 0
    data = ("--data", folder / "data.csv", "--input", HOSTILE, "--output", CLOSING)
    assert command("fit", *small, *data, "--samples", 2000, "--run", hostile) == 0
    assert command("evaluate", plain, "--horizons", "100,1000") == 0
    finding = {
        "kind": "truncation_too_short",
        "is_bad": True,
        "measured": 0.03,
        "interval": {"low": 0.02, "high": 0.05},
        "threshold": 0.5,
        "unit": "share of the memory",
        "words": f"The window is too short {HOSTILE}.",
        "suggestion": {"words": f"schedule.window = 64 {CLOSING}", "changes": {}},
        "gain": 2.5,
        "curve": {
            "title": HOSTILE,
            "x_label": CLOSING,
            "y_label": "effect",
            "x": [1, 2, 4],
            "lines": [[HOSTILE, [1.0, 0.1, None]]],
            "is_logarithmic": True,
        },
    }
    fine = finding | {"kind": "noise", "is_bad": False, "curve": None, "suggestion": None}
    diagnosis = {"findings": [finding, fine], "not_told": [HOSTILE]}
    (hostile / "diagnosis.json").write_text(json.dumps(diagnosis))
    return folder


@pytest.fixture(scope="session")
def report(runs):
    """A report on both runs, side by side."""
    path = runs / "report.html"
    both = (runs / "plain", runs / "<b>hostile")
    assert command("report", *both, "-o", path, "--length", 300) == 0
    return path


@pytest.fixture
def copy(runs, tmp_path):
    """A copy of the plain run, to be damaged."""
    path = tmp_path / "plain"
    shutil.copytree(runs / "plain", path)
    assert read_result(RunFolder.open(path))
    return path


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; skips where there is none, and fails there if it must not."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        reason = "no chromium and chromedriver; Debian has them as chromium and chromium-driver"
        if os.environ.get("SEQFIT_NEEDS_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()
