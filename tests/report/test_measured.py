"""What `advgame measure` found, on the run's page."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from fake_measure import make_measure, write_measure
from fake_run import HOSTILE

from advgame.report import build_report
from advgame.report.measured import measured_group


@pytest.fixture
def measured(run: Path, tmp_path: Path) -> Path:
    return write_measure(Path(shutil.copytree(run, tmp_path / "run")))


def test_its_figures_are_those_of_the_file(measured: Path) -> None:
    report = json.loads((measured / "measure.json").read_text())
    group = measured_group(measured)
    assert "at step 30" in group.intro
    titles = [chart.title for chart in group.charts]
    assert titles == [
        "Attack success on harmful requests",
        "Over-refusal of benign requests",
        "Change by training",
        "What training adds to the Attacker",
    ]
    rates, prompts, language = group.tables
    change = report["differences"]["harmful/plain"]
    told = re.fullmatch(r"(\S+) \((\S+) to (\S+)\), n 39", rates.rows[0][4])
    assert told is not None and change["n"] == 39
    assert [float(each.replace("−", "-")) for each in told.groups()] == [
        pytest.approx(100 * change[key], abs=0.051) for key in ("value", "low", "high")
    ]
    assert [row[1] for row in rates.rows[:4]] == [
        "plain", "templates", "untrained Attacker", "trained Attacker",
    ]  # fmt: skip
    assert len(rates.rows) == 6 and len(prompts.rows) == 3 and len(language.rows) == 6
    assert language.rows[0] == ("harmful", "before", "4.25", "0.50", "1.5%", "–", "28")


def test_the_page_shows_it_and_hostile_names_stay_text(measured: Path) -> None:
    page = build_report(measured).read_text(encoding="utf-8")
    assert 'href="#measured"' in page and "Is it still language?" in page
    assert HOSTILE[1] not in page and "&lt;img src=x onerror=" in page


def test_without_it_nothing_is_said(run: Path) -> None:
    assert 'href="#measured"' not in build_report(run).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"rates": 1}', '{"rates": {}, "differences": {"a/b": {}}}']
)
def test_what_is_no_such_report_is_left_out(measured: Path, text: str) -> None:
    (measured / "measure.json").write_text(text)
    group = measured_group(measured)
    assert group.charts == group.tables == ()


def test_it_says_which_weights_were_asked(measured: Path) -> None:
    assert "is at step 30, by" in measured_group(measured).intro
    (measured / "measure.json").write_text(json.dumps({"weights": "ema", **make_measure()}))
    assert "at step 30 with the average of its weights, by" in measured_group(measured).intro


def test_an_older_report_and_missing_values_have_their_page(measured: Path) -> None:
    report: dict[str, Any] = make_measure(odd="own/seeds.jsonl")
    del report["step"]
    nothing = {"value": None, "low": None, "high": None, "n": 0}
    report["differences"]["harmful/plain"] = report["rates"]["harmful/plain/start"] = nothing
    report["attackers"] = {}
    (measured / "measure.json").write_text(json.dumps(report))
    group = measured_group(measured)
    assert "as it is now" in group.intro and len(group.charts) == 3
    plain = group.tables[0].rows[0]
    assert plain[2] == plain[4] == "–" != plain[3]
    assert ("own/seeds.jsonl", "plain") in [row[:2] for row in group.tables[0].rows]
    build_report(measured)
