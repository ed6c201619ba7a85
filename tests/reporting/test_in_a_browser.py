"""A report as people have it: opened from disk, zoomed into, on a phone, at night."""

import re

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from seqfit.cli.runs import RunFolder
from seqfit.reporting.held_out import HeldOutRun, worst_stretches

WIDTHS = (390, 820, 1400)
WHOLE = "stream 1, all"


@pytest.fixture(scope="module")
def page(browser, report):
    browser.get(report.as_uri())
    WebDriverWait(browser, 60).until(
        lambda b: b.execute_script("return document.documentElement.dataset.drawn")
    )
    return browser


@pytest.fixture
def series(page):
    """The plot over time of the first run, with all of its first stream."""
    show(page, 1400, "light")
    place = page.find_element(By.ID, "series-0")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", place)
    choose(page, WHOLE)
    place.find_element(By.XPATH, "..//button[@data-zoom='all']").click()
    return place


def choose(page, beginning):
    choices = Select(page.find_element(By.CSS_SELECTOR, "select[data-for=series-0]"))
    index = next(i for i, o in enumerate(choices.options) if beginning in o.text)
    choices.select_by_index(index)


def show(page, width, scheme):
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 50))")


def drawn(page, place):
    """The axis range of a plot, and its lines: names, places and values."""
    axis, lines = page.execute_script(
        "const d = arguments[0]; return [d._fullLayout.xaxis.range, "
        "d.data.map(({name, x, y}) => ({name, x: [...x], y: [...y]}))]",
        place,
    )
    return axis, {line["name"]: (line["x"], line["y"]) for line in lines}


def test_it_opens_from_disk_without_a_complaint_and_asks_for_nothing(page):
    assert page.get_log("browser") == []
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert page.execute_script("return document.getElementById('failure').hidden")
    empty = page.execute_script(
        "return [...document.querySelectorAll('.plot, .series')]"
        ".filter((place) => place.clientWidth && !place.querySelector('svg .trace'))"
        ".map((place) => place.id)"
    )
    assert empty == []


def test_what_names_say_is_shown_and_not_done(page):
    assert page.execute_script("return window.harmed") is None
    text = page.find_element(By.TAG_NAME, "body").text
    assert "The window is too short <script>window.harmed=1</script>." in text
    assert "</script><img src=x onerror=window.harmed=1>&copy" in text
    assert "<b>hostile" in page.title
    legend = page.execute_script(
        "const list = document.getElementById('series-1').previousElementSibling;"
        "return [...list.children].map((item) => item.textContent)"
    )
    assert "<script>window.harmed=1</script>" in legend
    assert "target </script><img src=x onerror=window.harmed=1>&copy" in legend


def test_the_first_choice_is_the_worst_stretch(page, series, runs):
    worst = worst_stretches(HeldOutRun.of(RunFolder.open(runs / "plain").fitter(), 300))[0]
    choose(page, "1. worst")
    (left, right), lines = drawn(page, series)
    assert left <= worst.first
    assert right >= worst.end - 1
    assert max(np.abs(lines["error"][1])) == pytest.approx(worst.max, rel=1e-5)


def test_dragging_zooms_all_three_rows_to_every_sample(page, series, runs):
    before, _ = drawn(page, series)
    assert before == [0, 299]
    area = series.find_element(By.CSS_SELECTOR, ".nsewdrag")
    step = area.size["width"] // 6
    ActionChains(page).move_to_element(area).move_by_offset(-step, 0).click_and_hold().pause(
        0.1
    ).move_by_offset(step, 0).pause(0.1).release().perform()
    WebDriverWait(page, 10).until(lambda _: drawn(page, series)[0] != before)
    (left, right), lines = drawn(page, series)
    assert left == pytest.approx(299 * 2 / 6, abs=5)
    assert right == pytest.approx(299 * 3 / 6, abs=5)
    axes = page.execute_script("return Object.keys(arguments[0]._fullLayout)", series)
    assert [axis for axis in axes if re.fullmatch(r"xaxis\d*", axis)] == ["xaxis"]
    run = HeldOutRun.of(RunFolder.open(runs / "plain").fitter(), 300)
    shown = slice(int(left), int(np.ceil(right)) + 1)
    for name, values in {
        "input": run.x, "target": run.y, "output": run.prediction, "error": run.error,
    }.items():  # fmt: skip
        places, drawn_values = lines[name]
        assert places == list(range(shown.start, shown.stop)), name
        assert np.allclose(drawn_values, values[shown, 0, 0], rtol=1e-6, atol=0), name


def test_the_keyboard_zooms_and_moves(page, series):
    series.send_keys("+")
    assert drawn(page, series)[0] == pytest.approx([74.75, 224.25])
    series.send_keys(Keys.ARROW_RIGHT)
    assert drawn(page, series)[0] == pytest.approx([112.125, 261.625])
    series.send_keys(Keys.ARROW_LEFT)
    series.send_keys("-")
    assert drawn(page, series)[0] == [0, 299]
    series.send_keys("+")
    series.send_keys("0")
    assert drawn(page, series)[0] == [0, 299]


def test_buttons_zoom_and_a_view_stays_within_the_stretch(page, series):
    buttons = {
        name: series.find_element(By.XPATH, f"..//button[@data-zoom='{name}']")
        for name in ("in", "out", "left", "right", "all")
    }
    buttons["in"].click()
    for _ in range(5):
        buttons["right"].click()
    assert drawn(page, series)[0] == pytest.approx([149.5, 299])
    for _ in range(20):
        buttons["in"].click()
    left, right = drawn(page, series)[0]
    assert right - left == pytest.approx(10)
    buttons["all"].click()
    assert drawn(page, series)[0] == [0, 299]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_runs_over_the_edge(page, width, scheme):
    show(page, width, scheme)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width

    def all_fit():  # plotly.js takes a moment to follow the window
        return page.execute_script(
            "return [...document.querySelectorAll('.plot, .series')].every((place) => "
            "!place.clientWidth || place._fullLayout.width === place.clientWidth)"
        )

    WebDriverWait(page, 10).until(lambda _: all_fit())


@pytest.mark.parametrize("width", WIDTHS)
def test_no_caption_and_no_name_of_an_axis_is_cut_off(page, width):
    show(page, width, "light")
    cut = page.execute_script(
        "return [...document.querySelectorAll('caption span, figcaption, .axis')].filter((e) => {"
        "  const place = (e.closest('.table') ?? e.parentElement).getBoundingClientRect();"
        "  const own = e.getBoundingClientRect();"
        "  return own.right > place.right + 1 || e.scrollWidth > e.clientWidth + 1;"
        "}).map((e) => e.textContent)"
    )
    assert cut == []
    sides = page.execute_script(  # a name that is turned upright would have to fit in there
        "return [...document.querySelectorAll('.plot .ytitle')].length"
    )
    assert sides == 0


def test_both_schemes_reach_text_and_plots(page):
    def colours():
        return page.execute_script(
            "const style = (e) => getComputedStyle(e); const d = document.getElementById('plot-0');"
            "return [style(document.body).backgroundColor, style(document.body).color, "
            "d._fullLayout.font.color, d.data[0].line.color]"
        )

    show(page, 1400, "light")
    light = colours()
    show(page, 1400, "dark")
    dark = WebDriverWait(page, 10).until(lambda _: colours()[2] != light[2] and colours())
    assert all(one != other for one, other in zip(light, dark, strict=True))


def test_the_tabulator_reaches_all_that_acts_and_shows_where_it_is(page):
    show(page, 820, "light")
    page.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached = {}
    for _ in range(60):
        ActionChains(page).send_keys(Keys.TAB).perform()
        kind, outline = page.execute_script(
            "const e = document.activeElement; return [e.classList[0] || e.tagName, "
            "getComputedStyle(e).outlineStyle]"
        )
        reached[kind] = outline
    assert {"A", "SUMMARY", "table", "SELECT", "series", "BUTTON"} <= reached.keys()
    reached.pop("BODY", None)
    assert set(reached.values()) <= {"solid", "auto"}


def test_everything_that_is_shown_has_a_name(page):
    nameless = page.execute_script(
        "return [...document.querySelectorAll('button, select, [role=img], [role=group], nav')]"
        ".filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim())).length"
    )
    assert nameless == 0
