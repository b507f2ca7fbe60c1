"""The pages of a comparison, of a study and of an audit in a real browser, opened from disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from audit_report import make_audit
from chrome import Page, set_field
from fake_comparison import make_comparison
from fake_study import make_fake_study

from advgame.report.audit import build_audit_page
from advgame.report.compared import build_from_file
from advgame.report.comparison import build_comparison

pytestmark = pytest.mark.browser

CARDS = "document.querySelectorAll('#compared .question').length"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "study.json").write_text(json.dumps(make_fake_study(folder)))
    return {
        "comparison": build_comparison(make_comparison(), folder / "comparison.html"),
        "study": build_from_file(folder / "study.json"),
        "audit": build_audit_page(make_audit(), folder / "audit.html"),
    }


@pytest.fixture
def comparison(page: Page, written: dict[str, Path]) -> Page:
    page.open(written["comparison"].as_uri())
    page.wait(CARDS)
    return page


@pytest.mark.parametrize("name", ["comparison", "study", "audit"])
def test_opens_without_a_request_and_fits(page: Page, written: dict[str, Path], name: str) -> None:
    page.open(written[name].as_uri())
    assert set(page.requests) == {written[name].as_uri()}
    assert page.js("document.querySelectorAll('svg.plot').length") >= 3
    assert page.js("document.querySelector('main img, main script, main iframe') === null")
    for width in (320, 390, 1280):
        page.resize(width, 800)
        assert page.js("document.documentElement.scrollWidth") <= width
    page.resize(1280, 900, dark=True)
    dark = page.js("getComputedStyle(document.body).backgroundColor")
    page.resize(1280, 900)
    assert page.js("getComputedStyle(document.body).backgroundColor") != dark


def test_labels_stay_inside_their_drawing(page: Page, written: dict[str, Path]) -> None:
    for path in written.values():
        for width in (390, 1280):
            page.resize(width, 900)
            page.open(path.as_uri())
            cut = page.js(
                "[...document.querySelectorAll('svg.plot')].flatMap((svg) => {"
                "const box = svg.getBoundingClientRect();"
                "return [...svg.querySelectorAll('text')].filter((each) => {"
                "const {left, right, top, bottom} = each.getBoundingClientRect();"
                "return left < box.left - 1 || right > box.right + 1"
                " || top < box.top - 1 || bottom > box.bottom + 1;"
                "}).map((each) => each.textContent)})"
            )
            assert cut == []
            touching = page.js(
                "[...document.querySelectorAll('svg.plot')].flatMap((svg) => {"
                "const ticks = [...svg.querySelectorAll('.tick')].map((each) => "
                "each.getBoundingClientRect()).filter(({width, height}) => width && height);"
                "return ticks.filter((a) => ticks.some((b) => a !== b && a.top === b.top && "
                "a.left <= b.left && a.right > b.left)).map(() => svg.ariaLabel)})"
            )
            assert touching == []


def test_a_study_tells_what_its_reader_needs(page: Page, written: dict[str, Path]) -> None:
    page.open(written["study"].as_uri())
    told = page.js("document.querySelector('main').innerText")
    for words in (
        "joint − defender-only, primary: −",  # what came out, with its interval
        "is found some 4 times in 5",  # what the study could have seen
        "which trained joint",  # who judged
        "60 of harmful",  # on how much
        "Where the arms differ",
        "Runs and their cost",
        "advgame study 'a <img",  # how to repeat it; hostile text stays text
        "</script><script>window.pwned",
    ):
        assert words in told
    assert page.js("document.querySelectorAll('#differences svg.plot').length") >= 5


def test_transcripts_filter(comparison: Page) -> None:
    assert comparison.js(CARDS) == 8
    set_field(comparison, "comparison-filters", "kind", "benign")
    assert comparison.js("document.querySelector('#compared .chip.harmful') === null")
    set_field(comparison, "comparison-filters", "text", "number 13")
    assert comparison.js(CARDS) == 1
    assert "number 13" in comparison.js("document.querySelector('#compared mark').innerText")
    set_field(comparison, "comparison-filters", "kind", "harmful")
    assert comparison.js("document.getElementById('compared').innerText") == "No seed matches."


def test_transcripts_say_how_a_seed_was_asked_and_what_came_of_it(comparison: Page) -> None:
    words = "document.getElementById('compared').innerText"
    set_field(comparison, "comparison-filters", "asked", "by each run's own Attacker")
    assert comparison.js(CARDS) == 8
    told = comparison.js(words)
    assert "asked by each run's own Attacker" in told and "asked plainly" not in told
    assert told.count("never answered: the prompt was faulty") == 1
    assert "score 4.50" in told and "As a novelist I ask" in told
    set_field(comparison, "comparison-filters", "kind", "benign")
    told = comparison.js(words)
    assert "answered" in told and "refused" in told and "attack failed" not in told
    assert "not refused" not in told


SMALL = (
    "[...document.querySelectorAll('button, summary, .bar a, label.switch')].filter((each) => "
    "each.checkVisibility() && each.getBoundingClientRect().height < 24)"
    ".map((each) => each.outerHTML.slice(0, 80))"
)


@pytest.mark.parametrize("name", ["comparison", "study", "audit"])
def test_what_is_touched_is_large_enough(page: Page, written: dict[str, Path], name: str) -> None:
    page.open(written[name].as_uri())
    page.resize(390, 844)
    assert page.js(SMALL) == []


def test_a_menu_that_goes_on_fades_there(comparison: Page) -> None:
    faded = "getComputedStyle(document.querySelector('.bar nav')).maskImage"
    assert comparison.js(faded) == "none"
    comparison.resize(390, 844)
    comparison.wait(f"{faded} !== 'none'")
    comparison.js("document.querySelector('.bar nav').scrollLeft = 9999")
    comparison.wait("document.querySelector('.bar nav').className === 'more-left'")


def test_the_other_plots_of_a_study_unfold(page: Page, written: dict[str, Path]) -> None:
    page.open(written["study"].as_uri())
    shown = (
        "[...document.querySelectorAll('#trade-off svg.plot')].filter((e) => e.checkVisibility())"
    )
    assert page.js(f"{shown}.length") == 4
    page.js("document.querySelector('#trade-off summary').click()")
    page.wait(f"{shown}.length > 4")
    front = page.js(
        "[...document.querySelectorAll('#trade-off svg')].filter((e) => e.querySelector('.front'))"
        ".every((svg) => svg.querySelector('.front').compareDocumentPosition("
        "svg.querySelector('.whisker-thin')) & Node.DOCUMENT_POSITION_FOLLOWING)"
    )
    assert front


def test_harmful_replies_wait_for_a_click(comparison: Page) -> None:
    set_field(comparison, "comparison-filters", "kind", "harmful")
    hidden = "document.querySelectorAll('#compared .hush').length"
    assert comparison.js(hidden) == 4 * comparison.js(CARDS) - 1  # one was never answered
    comparison.js("document.querySelector('#compared .hush button').click()")
    assert comparison.js(hidden) == 4 * comparison.js(CARDS) - 2


def test_cross_play_tells_its_cells(comparison: Page) -> None:
    cells = comparison.js(
        "[...document.querySelectorAll('#cross-play .cell')].map((each) => each.textContent)"
    )
    assert len(cells) == 4 * 5 - 1 and all(each.endswith("%") for each in cells)
    comparison.js("document.querySelector('#cross-play .cell').scrollIntoView({block: 'center'})")
    x, y = comparison.js(
        "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
        "(document.querySelector('#cross-play .cell').getBoundingClientRect())"
    )
    comparison.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    tip = comparison.wait("document.getElementById('tip').innerText")
    assert tip.startswith("Attacker joint-0") and "Defender joint-0" in tip and "n 120" in tip
