"""`report.html` in a real browser, opened from disk."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from chrome import Page, set_field
from fake_run import HOSTILE

from advgame.report import build_report

pytestmark = pytest.mark.browser

TREES = "document.querySelectorAll('#trees .episode').length"


def show_all(page: Page) -> int:
    """Press “Show more” to the end; return how many rounds the page says match."""
    more = "document.getElementById('more')"
    done = "document.getElementById('found').textContent.endsWith('match')"
    while page.wait(f"{done} ? 'done' : {more}.hidden ? '' : 'more'") != "done":
        page.js(f"{more}.click()")
    return int(page.js("parseInt(document.getElementById('found').textContent)"))


@pytest.fixture
def report(page: Page, run: Path) -> Page:
    page.open(build_report(run).as_uri())
    page.wait(TREES)
    return page


def test_opens_without_a_request(report: Page, run: Path) -> None:
    assert set(report.requests) == {(run / "report.html").as_uri()}
    assert report.js("document.querySelector('h1').innerText").endswith("demo-1")
    assert report.js("document.querySelectorAll('svg.chart').length") > 20


def test_policy_stops_what_escaping_should_have(report: Page) -> None:
    report.js(
        "{ const image = new Image(); image.src = 'http://127.0.0.1:9/x.png';"
        "const script = document.createElement('script'); script.text = 'window.pwned = 1';"
        "document.body.append(image, script);"
        "document.body.insertAdjacentHTML('beforeend', '<b onclick=\"window.pwned=2\">x</b>');"
        "document.body.lastChild.click() }"
    )
    refused = report.js(
        "fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.constructor.name)"
    )
    assert refused == "TypeError"
    report.wait("window.pwned === undefined")
    assert all("Content Security Policy" in problem for problem in report.problems)
    assert len(report.problems) >= 4
    report.problems.clear()


def test_tree_opens(report: Page) -> None:
    assert report.js("document.querySelector('.episode').open")
    assert report.js("document.querySelectorAll('.episode .tree').length") == 1
    report.js("document.querySelectorAll('.episode > summary')[1].click()")
    report.wait("document.querySelectorAll('.episode .tree').length === 2")
    tree = report.js("document.querySelectorAll('.episode')[1].innerText")
    assert "Prompt 1" in tree and "Prompt 2" in tree and "reward" in tree


def test_hostile_text_is_shown_as_text(report: Page) -> None:
    set_field(report, "filters", "text", "<img src=x")
    report.wait("document.querySelector('#trees mark') !== null")
    shown = report.js("document.querySelector('#trees mark').innerText")
    assert shown == "<img src=x"
    assert report.js("document.querySelector('main img, main script, main iframe') === null")


def test_filters_filter(report: Page) -> None:
    total = report.js("JSON.parse(document.getElementById('data-rollouts').textContent)"
                      ".steps.flatMap((step) => step.trees).length")  # fmt: skip
    assert show_all(report) == report.js(TREES) == total
    assert report.js("getComputedStyle(document.getElementById('more')).display") == "none"
    halves = 0
    for kind in ("harmful", "benign"):
        set_field(report, "filters", "kind", kind)
        count = show_all(report)
        assert report.js(f"document.querySelectorAll('#trees .chip.{kind}').length") == count
        halves += count
    assert halves == total
    set_field(report, "filters", "kind", "")
    set_field(report, "filters", "step", "0")
    set_field(report, "filters", "fault", "unfaithful")
    count = show_all(report)
    assert 0 < count < total
    assert set(report.js("[...document.querySelectorAll('#trees .episode')].map("
                         "(each) => each.querySelector('summary').innerText.includes('step 0'))")
               ) == {True}  # fmt: skip
    set_field(report, "filters", "low", "0")
    assert show_all(report) == 0  # a fault earns −1
    report.js("document.querySelector('#filters [type=reset]').click()")
    report.wait(f"{TREES} === 20")


def test_reward_range_dims_the_other_moves(report: Page) -> None:
    set_field(report, "filters", "role", "defender")
    set_field(report, "filters", "low", "6")
    report.wait("document.querySelector('.node.missed') !== null")
    rewards = report.js(
        "[...document.querySelectorAll('.node.defender:not(.missed) > .head')].map((head) => "
        "parseFloat(head.innerText.match(/reward ([−\\d.]+)/)[1].replace('−', '-')))"
    )
    assert rewards and min(rewards) >= 6


def test_filters_survive_in_the_address(report: Page) -> None:
    set_field(report, "filters", "kind", "benign")
    address = report.js("location.href")
    report.open("about:blank")
    report.open(address)
    report.wait(TREES)
    assert report.js("document.getElementById('filters').elements.kind.value") == "benign"
    assert report.js("document.querySelector('#trees .chip.harmful') === null")


def test_harmful_replies_wait_for_a_click(report: Page) -> None:
    first = "document.querySelector('.question .hush')"
    before = report.js(f"{first}.innerText")
    assert before.endswith("show") and "…" in before
    hidden = report.js("document.querySelectorAll('#questions .hush').length")
    report.js(f"{first}.querySelector('button').click()")
    assert report.js("document.querySelectorAll('#questions .hush').length") == hidden - 1
    report.js("document.querySelector('.reveal-all').click()")
    report.wait("document.querySelectorAll('.hush').length === 0")
    assert report.js("[...document.querySelectorAll('.reveal-all')].every((box) => box.checked)")


def test_transcripts_filter(report: Page) -> None:
    set_field(report, "transcript-filters", "kind", "benign")
    set_field(report, "transcript-filters", "mode", "attacked")
    assert report.js("document.querySelector('#questions .chip.harmful') === null")
    assert report.js("document.querySelectorAll('#questions .question').length") == 8
    set_field(report, "transcript-filters", "outcome", "better")
    words = report.js("document.getElementById('questions').innerText")
    assert "worse" not in words and "asked directly" not in words


def test_chart_tells_its_values(report: Page) -> None:
    report.js("document.querySelector('#held-out svg.chart').scrollIntoView({block: 'center'})")
    box = report.js(
        "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
        "(document.querySelector('#held-out svg.chart').getBoundingClientRect())"
    )
    report.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
    report.wait("!document.getElementById('tip').hidden")
    tip = report.js("document.getElementById('tip').innerText")
    assert tip.startswith("step ") and "asked plainly: " in tip and "%" in tip


DRAG = """
(() => {
  const chart = document.querySelector('#rewards svg.chart');
  chart.scrollIntoView({block: 'center'});
  const {left, top, width, height} = chart.getBoundingClientRect();
  return [left, top + height / 2, width];
})()
"""


def test_a_chart_zooms_and_comes_back(report: Page) -> None:
    left, y, width = report.js(DRAG)
    first = "document.querySelector('#rewards svg.chart')"
    drawn = report.js(f"{first}.outerHTML")
    ticks = f"[...{first}.querySelectorAll('.axes text')].map((each) => each.textContent)"
    before = report.js(ticks)
    for kind, share in (
        ("mousePressed", 0.4), ("mouseMoved", 0.5), ("mouseMoved", 0.6), ("mouseReleased", 0.6),
    ):  # fmt: skip
        report.call("Input.dispatchMouseEvent", type=kind, x=left + share * width, y=y,
                    button="left", buttons=1, clickCount=1)  # fmt: skip
    report.wait("document.querySelector('#rewards .unzoom') !== null")
    steps = [float(each) for each in report.js(ticks) if each.replace(".", "").isdigit()]
    assert report.js(ticks) != before and max(steps) < 29
    inner = report.js(
        f"[...{first}.querySelectorAll('.inner .line:not(.raw)')].map((each) => "
        "each.getAttribute('points').split(' ').map((pair) => pair.split(',').map(Number)))"
    )
    inside = [[y for x, y in line if 46 <= x <= 342] for line in inner]
    assert all(10 <= y <= 172 for line in inside for y in line)
    assert all(len(line) > 3 for line in inside)
    report.call("Input.dispatchMouseEvent", type="mouseMoved", x=left + 0.5 * width, y=y)
    step = report.wait("document.querySelector('#tip b').innerText")
    assert 11 <= int(step.removeprefix("step ")) <= 18
    report.js("document.querySelector('#rewards .unzoom').click()")
    report.call("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
    again = report.js(f"{first}.outerHTML")
    assert plain(again) == plain(drawn)


def plain(markup: str) -> str:
    """A drawing less its cursor and brush, numbers as JavaScript writes them."""
    markup = re.sub(r'<(line class="cursor|rect class="brush).*?>', "", markup)
    return re.sub(r"(\d)\.0(?=[,\" ])", r"\1", markup)


def test_a_zoomed_axis_has_the_format_and_the_ends_of_the_other(report: Page) -> None:
    told = report.js(
        "(() => { const svg = [...document.querySelectorAll('svg.chart')].find((each) => "
        "each.ariaLabel === 'Reward accuracy'); svg.scrollIntoView({block: 'center'});"
        "const {left, top, width, height} = svg.getBoundingClientRect();"
        "return [left, top + height / 2, width]; })()"
    )
    left, y, width = told
    for kind, share in (("mousePressed", 0.8), ("mouseMoved", 0.9), ("mouseReleased", 0.9)):
        report.call("Input.dispatchMouseEvent", type=kind, x=left + share * width, y=y,
                    button="left", buttons=1, clickCount=1)  # fmt: skip
    report.wait("document.querySelector('#learning .unzoom') !== null")
    ticks = report.js(
        "[...document.querySelector('#learning .unzoom').closest('figure')"
        ".querySelectorAll('.axes text[text-anchor=end]')].map((each) => each.textContent)"
    )
    assert len(ticks) >= 2 and all(each.endswith("%") for each in ticks)
    assert len({len(each.partition(".")[2]) for each in ticks}) == 1
    assert all(0 <= float(each[:-1]) <= 100 for each in ticks)


def test_the_reward_filter_hints_at_the_rewards_there_are(report: Page) -> None:
    low, high = report.wait(
        "[...document.querySelectorAll('#filters [type=number]')].map((each) => each.placeholder)"
    )
    rewards = report.js(
        "JSON.parse(document.getElementById('data-rollouts').textContent).steps.flatMap("
        "({trees}) => trees.flatMap(({branches}) => branches.flatMap(({attack, replies}) => "
        "[attack, ...replies].map(({reward}) => reward)))).filter((each) => each !== null)"
    )
    show_all(report)
    low, high = report.js(
        "[...document.querySelectorAll('#filters [type=number]')].map((each) => each.placeholder)"
    )
    assert float(low.replace("−", "-")) <= min(rewards) < float(low.replace("−", "-")) + 1
    assert float(high) - 1 < max(rewards) <= float(high)


def test_a_lone_forest_keeps_its_type_small(page: Page, run: Path, tmp_path: Path) -> None:
    other = shutil.copytree(run, tmp_path / "run")
    (other / "evals").mkdir()
    task = {"counts": "attack_success", "value": 0.0, "low": 0.0, "high": 0.1, "n": 32}
    evaluation = {"role": "defender", "step": 30, "tasks": {"harmbench-attacked": task}}
    (other / "evals/one.json").write_text(json.dumps(evaluation))
    page.open(build_report(other).as_uri())
    page.wait(TREES)
    label = "document.querySelector('#tasks .label').getBoundingClientRect()"
    assert 9 < page.js(f"{label}.height") < 22
    bar = "document.querySelector('#tasks .span')"
    assert page.js(f"getComputedStyle({bar}).strokeLinecap") == "butt"  # no bar goes below 0


def test_what_is_touched_is_large_enough(report: Page) -> None:
    report.resize(390, 844)
    small = report.js(
        "[...document.querySelectorAll('button, summary, .bar a, label.switch')].filter((each) => "
        "each.checkVisibility() && each.getBoundingClientRect().height < 24)"
        ".map((each) => each.outerHTML.slice(0, 80))"
    )
    assert small == []


def test_a_series_can_be_hidden(report: Page) -> None:
    button = "document.querySelector('#rewards .legend button')"
    group = "document.querySelector('#rewards g[data-series=\"0\"]')"
    assert report.js(f"getComputedStyle({group}).display") != "none"
    report.js(f"{button}.click()")
    assert report.js(f"getComputedStyle({group}).display") == "none"
    assert report.js(f"{button}.getAttribute('aria-pressed')") == "false"
    report.js(f"{button}.click()")
    assert report.js(f"getComputedStyle({group}).display") != "none"


def test_the_audit_and_the_trade_off_are_told(report: Page) -> None:
    words = report.js("document.querySelector('.lede').innerText")
    assert "alarm for reward hacking rang (Defender, harmful" in words
    assert "Alarm at step" in report.js("document.getElementById('audit').innerText")
    report.js("document.querySelector('#trade-off .spot').scrollIntoView({block: 'center'})")
    x, y = report.js(
        "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
        "(document.querySelector('#trade-off .spot .dot').getBoundingClientRect())"
    )
    report.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    tip = report.wait("document.getElementById('tip').innerText")
    assert "step " in tip and "attack success: " in tip and " to " in tip


def test_what_was_measured_on_test_seeds_is_shown(report: Page) -> None:
    section = "document.getElementById('measured')"
    assert report.js(f"{section}.querySelectorAll('svg.plot').length") == 4
    tables = report.js(f"[...{section}.querySelectorAll('table')].map((each) => each.innerText)")
    rates, _, language = tables
    assert re.search(r"untrained Attacker\t[\d.]+% \([\d.]+% to [\d.]+%\), n 39\t", rates)
    assert "perplexity" in language and "4.25" in language
    assert HOSTILE[1] in rates  # a set's name, as text
    assert report.js(f"{section}.querySelector('img, script') === null")
    report.js(f"{section}.querySelector('.spot').scrollIntoView({{block: 'center'}})")
    x, y = report.js(
        "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
        f"({section}.querySelector('.spot .dot').getBoundingClientRect())"
    )
    report.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    tip = report.wait("document.getElementById('tip').innerText")
    assert tip.startswith("plain, before: ") and " to " in tip and "n 39" in tip


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_fits_every_width(report: Page, width: int) -> None:
    report.resize(width, 800)
    assert report.js("document.documentElement.scrollWidth") <= width


def test_dark_follows_the_system_and_the_toggle_overrides(report: Page) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light = report.js(paper)
    report.resize(1280, 900, dark=True)
    dark = report.js(paper)
    assert dark != light
    report.js("document.getElementById('theme').click()")
    assert report.js(paper) == light
    report.js("document.getElementById('theme').click()")
    assert report.js(paper) == dark
