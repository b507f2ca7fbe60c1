"""The page of a red-team campaign in a real browser, opened from disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from chrome import Page, set_field
from fake_run import HOSTILE
from redteam.made import campaign

from advgame.redteam.report.figures import figures
from advgame.redteam.report.page import page as redteam_page

pytestmark = pytest.mark.browser

FACTS = {"Target": f"openai:m@http://127.0.0.1:1/v1 {HOSTILE[1]}", "Seeds": "24 of own (test)"}
SHOWN = "[...document.querySelectorAll('#findings > details')].filter((each) => !each.hidden)"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "report.html"
    rows = campaign(HOSTILE)
    path.write_text(redteam_page(rows, figures(rows, 4), FACTS, show=True), encoding="utf-8")
    return path


@pytest.fixture
def findings(page: Page, written: Path) -> Page:
    page.open(written.as_uri())
    return page


def test_opens_without_a_request_and_fits(findings: Page, written: Path) -> None:
    assert set(findings.requests) == {written.as_uri()}
    assert findings.js("document.querySelectorAll('svg.plot').length") == 5
    findings.js("for (const each of document.querySelectorAll('details')) each.open = true")
    for width in (320, 375, 1280):
        findings.resize(width, 800)
        assert findings.js("document.documentElement.scrollWidth") <= width
    light = findings.js("getComputedStyle(document.body).backgroundColor")
    findings.resize(1280, 900, dark=True)
    assert findings.js("getComputedStyle(document.body).backgroundColor") != light


def test_findings_filter(findings: Page) -> None:
    total = findings.js(f"{SHOWN}.length")
    counts = []
    for arm in ("plain", "templates", "best-of-k+refine@runs/first"):
        set_field(findings, "finding-filters", "arm", arm)
        counts.append(findings.js(f"{SHOWN}.length"))
        assert findings.js(f"{SHOWN}.every((each) => each.textContent.includes('{arm}/s'))")
    assert sum(counts) == total and all(0 < each < total for each in counts)
    set_field(findings, "finding-filters", "arm", "")
    set_field(findings, "finding-filters", "text", "Subject 7,")
    assert findings.js(f"{SHOWN}.length") == 1
    told = "document.getElementById('findings-found').innerText"
    assert findings.js(told) == f"1 of {total} match"
    set_field(findings, "finding-filters", "category", "Illegal activities")
    assert findings.js(f"{SHOWN}.length") == 0  # subject 7 is of another one
    set_field(findings, "finding-filters", "text", "")
    assert findings.js(f"{SHOWN}.length") == 8


def test_hostile_text_is_shown_as_text(findings: Page) -> None:
    findings.js("for (const each of document.querySelectorAll('details')) each.open = true")
    words = findings.js("document.querySelector('main').innerText")
    assert "<img src=x onerror='window.pwned = 2'>" in words
    assert "</script><script>window.pwned = 1</script>" in words
    assert not any(character in words for character in "\x1b\u202e\u2028")
    assert findings.js("document.querySelector('main img, main script, main iframe') === null")


def test_labels_stay_inside_their_drawing(findings: Page) -> None:
    for width in (375, 1280):
        findings.resize(width, 900)
        assert (
            findings.js(
                "[...document.querySelectorAll('svg.plot')].flatMap((svg) => {"
                "const box = svg.getBoundingClientRect();"
                "return [...svg.querySelectorAll('text')].filter((each) => {"
                "const {left, right} = each.getBoundingClientRect();"
                "return left < box.left - 1 || right > box.right + 1;"
                "}).map((each) => each.textContent)})"
            )
            == []
        )
