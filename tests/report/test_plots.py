"""Plots and pages beside the run's own: geometry, what is said, what is refused."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from audit_report import make_audit
from command import call, told
from fake_comparison import make_compared, make_comparison
from fake_run import write_fake_run
from hypothesis import given
from hypothesis import strategies as st

from advgame.errors import StoreError
from advgame.report.audit import build_audit_page, story
from advgame.report.audited import audit_group, audit_sentences
from advgame.report.compared import page_of
from advgame.report.comparison import _Styles, build_comparison
from advgame.report.forest import Bar, Forest
from advgame.report.heat import Heat
from advgame.report.heldout import trade_off
from advgame.report.plots import Scatter, Spot, Trail, stairs
from advgame.report.run_data import RunData, read_run

VALUES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)
SIGNS = st.tuples(st.sampled_from((1, -1)), st.sampled_from((1, -1)))


@given(VALUES, SIGNS)
def test_nothing_lies_beyond_the_front(values: list[tuple[int, int]], better: Any) -> None:
    front = stairs(values, better)
    for x, y in values:
        assert not any(
            better[0] * (x - a) > 0 and better[1] * (y - b) > 0 for a, b in front
        ) or not all(better[0] * (a - x) <= 0 or better[1] * (b - y) <= 0 for a, b in values)
    best = [v for v in values if not any(_dominates(w, v, better) for w in values)]
    assert set(best) <= set(front)


def _dominates(first: tuple[int, int], second: tuple[int, int], better: Any) -> bool:
    gains = [b * (f - s) for b, f, s in zip(better, first, second, strict=True)]
    return min(gains) >= 0 and max(gains) > 0


def test_the_front_lies_under_the_points_and_spans_both_axes() -> None:
    spots = tuple(
        Spot(label=name, x={"value": x}, y={"value": y})
        for name, x, y in (("1", 0.02, 0.1), ("2", 0.04, 0.3))
    )
    trails = (Trail(label="a", style="c-grey", spots=spots, joined=True),)
    plot = Scatter(title="t", note="", x_title="x", y_title="y", trails=trails, better=(-1, -1))
    svg = str(plot.svg)
    assert svg.index('class="beaten"') < svg.index('class="front"') < svg.index('class="line join')
    assert svg.index('class="line join') < svg.index("<circle")
    (front,) = re.findall(r'class="front" points="([^"]*)"', svg)
    corners = [tuple(map(float, pair.split(","))) for pair in front.split()]
    # one point beats the other: its lines go right and up to the ends of the axes
    assert len(corners) == 3 and corners[0][0] == 380 - 22 and corners[-1][1] == 12
    assert ">4.0%<" in svg and ">2.5%<" in svg and "100%" not in svg  # the axes fit the points
    (first, *_) = re.findall(r'x="([\d.]+)" y="249" text-anchor="middle"', svg)
    assert float(first) > 62  # a cross at the end of an axis does not lie on the frame


def test_runs_of_one_schedule_have_colours_of_their_own(tmp_path: Path) -> None:
    found = json.loads(json.dumps(make_compared()))
    for run in found["runs"].values():
        run["schedule"] = "joint"
    page = page_of(found)
    assert [run["notes"] for run in page["runs"]] == ["joint", "joint, not finished"]
    text = build_comparison(page, tmp_path / "c.html").read_text(encoding="utf-8")
    (legend,) = set(re.findall(r'<ul class="legend">(.*?)</ul>', text, flags=re.S)[:1])
    assert "c-defender" in legend and "c-attacker" in legend
    assert "<th>Group</th>" not in text
    many = [{"name": f"run {n}"} for n in range(9)]
    styles = _Styles(many).of
    assert len(set(styles.values())) == 9 and styles["run 7"] == f"{styles['run 0']} dashed"
    study = _Styles(make_comparison()["runs"]).of
    assert len(set(study.values())) == 4 and study["joint-0"] == study["joint-1"]


def test_missing_values_are_left_out_or_a_dash() -> None:
    known = {"value": 0.4, "low": 0.3, "high": 0.5, "n": 20}
    spots = (Spot(label="<b>", x=known, y=known), Spot(label="2", x=None, y=known))
    trails = (Trail(label="a", style="c-grey", spots=spots, joined=True),)
    plot = Scatter(title="t", note="", x_title="x", y_title="y", trails=trails, better=(1, 1))
    svg = str(plot.svg)
    assert svg.count("<circle") == 1 and "&lt;b&gt;" in svg and "<b>" not in svg
    assert "nan" not in str(Scatter(title="t", note="", x_title="", y_title="", trails=()).svg)
    bars = (Bar(label="k", rate=known), Bar(label="u", rate={"value": None, "low": None}))
    assert str(Forest(title="t", note="", bars=bars).svg).count("<circle") == 1
    heat = Heat(
        title="t", note="", row_title="r", column_title="c", rows=("<i>",), columns=("x", "y"),
        cells=((known, None),),
    )  # fmt: skip
    assert str(heat.svg).count("<rect") == 1 and "<i>" not in str(heat.svg)
    assert "40.0% (30.0% to 50.0%), n 20" in str(heat.svg)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    return read_run(write_fake_run(tmp_path_factory.mktemp("runs") / "r", steps=30, seeds=1))


def test_the_trade_off_needs_two_checkpoints(data: RunData) -> None:
    plots = trade_off(data.validations).charts  # apart: each has a front of its own
    assert [trail.label for plot in plots for trail in plot.lines] == [
        "asked plainly", "rewritten by the live Attacker",
    ]  # fmt: skip
    assert trade_off(data.validations[:1]).charts == ()


def test_what_the_audit_says(data: RunData) -> None:
    told = audit_sentences(data)
    assert told[0].startswith("A second judge scored a sample of the training replies 10 times")
    assert "rang (Defender, harmful, from step" in told[1] and "benign" not in told[1]
    few = RunData(name="x", config={}, config_text="", metrics=data.metrics[:4], validations=())
    assert audit_sentences(few)[-1] == "There were too few audits for its alarm."
    quiet = tuple(
        {k: 0.0 if k.endswith("/alarm") else v for k, v in line.items()} for line in data.metrics
    )
    calm = RunData(name="x", config={}, config_text="", metrics=quiet, validations=())
    assert audit_sentences(calm)[-1] == "Its alarm for reward hacking did not ring."
    cell = "audit/attacker/benign"
    mute = tuple({**line, f"{cell}/alarm": None, f"{cell}/score": 1.0} for line in quiet)
    unable = RunData(name="x", config={}, config_text="", metrics=mute, validations=())
    assert audit_sentences(unable)[-1] == (
        "It could not ring for Attacker, benign: too few seeds were audited."
    )
    none = RunData(name="x", config={}, config_text="", metrics=(), validations=())
    assert audit_sentences(none) == [] and audit_group(none).charts == ()
    assert len(audit_group(data).charts) == 6


def test_an_audit_says_no_more_than_its_intervals() -> None:
    report = make_audit()
    text = story(report)
    assert "“praise” moved most verdicts" in text or "“order” moved most verdicts" in text
    assert "One person agrees on harm with the others asked with κ 0.40" in text
    assert "[" not in text and "None" not in text
    tricks = report["injection"]["tricks"]
    for row in tricks.values():
        row["moved"] = {"value": None, "low": None, "high": None, "n": 0, "unscored": 0}
    assert "No instruction hidden in a reply could be tried." in story(report)


def test_pages_are_small_and_ask_for_nothing(tmp_path: Path) -> None:
    for path in (
        build_comparison(make_comparison(), tmp_path / "c.html"),
        build_audit_page(make_audit(), tmp_path / "a.html"),
    ):
        text = path.read_text(encoding="utf-8")
        assert len(text.encode()) < 300_000
        assert not re.search(r"(src|href)=[\"']?(https?:|//)", text)
        assert "<script>window.pwned" not in text


def test_a_comparison_of_runs_alone_is_a_page(tmp_path: Path) -> None:
    page = build_comparison({"runs": [{"name": "one"}, {"name": "two"}]}, tmp_path / "c.html")
    assert "Comparison of 2 runs" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"runs": []}, "needs runs"),
        ({"trade_offs": [{"points": [{"run": "joint-0"}]}]}, "not a comparison: KeyError 'step'"),
        ({"crossplay": {"attackers": ["a"], "defenders": ["b"], "cells": []}}, "not a comparison"),
        ({"curves": [{"title": "t", "series": [{"run": "x", "points": [1, 2]}]}]}, "TypeError"),
    ],
)
def test_what_is_no_comparison_is_refused(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(StoreError, match=words):
        build_comparison(make_comparison() | change, tmp_path / "c.html")


def test_what_the_command_finds_becomes_a_page(tmp_path: Path) -> None:
    found = json.loads(json.dumps(make_compared()))
    page = page_of(found)
    assert [plot["title"] for plot in page["trade_offs"]] == [
        "Attack success, asked plainly",
        "Attack success, the run's own Attacker",
        "Attack success and openbookqa",
    ]
    assert page["curves"][0]["unit"] == "tokens" and len(page["curves"]) == 2
    assert page["curves"][0]["title"] == "Defender: reward, harmful seeds, asked plainly"
    assert page["transcripts"][0]["asked"] == "by each run's own Attacker"
    assert [each["defender"] for each in page["exploitability"]] == ["joint@30", "static@30"]
    change = "+5.0 (−2.0 to +12.0)"
    assert page["tables"][0]["rows"] == [["joint", change, change, "1.25", "0.40"]]
    assert "in log-odds" in page["tables"][0]["note"]
    assert page["findings"][0].startswith(
        "joint, after 30 steps: attack success, asked plainly 50.0%"
    )
    assert [each["metric"] for each in page["differences"]] == [
        "Attack success, plain harmful requests"
    ]
    assert page["findings"][2] == (
        "static − joint in points, question by question: "
        "Attack success, plain harmful requests +5.0 (−2.0 to +12.0), n 40."
    )
    assert page["findings"][-1] == (
        "static is not compared with joint question by question: evaluated by different judges."
    )
    text = build_comparison(page, tmp_path / "c.html").read_text(encoding="utf-8")
    assert "<script>window.pwned" not in text
    text = unescape(text)
    assert (
        "static − joint: +5.0 (−2.0 to +12.0), n 40" in text
        and "In points. Below 0, A's Defender is the safer one." in text
    )
    assert ">static − joint</text>" in text and "A's rate less B's" in text
    # What is over the Attacker that it was trained with is not what is over an untrained one.
    exploited = re.findall(r'<td data-label="(Gap|Gain)[^"]*">([^<]*)</td>', text)
    assert [(title, told.partition(", n")[0]) for title, told in exploited] == [
        ("Gap", "0.0 (−10.0 to +10.0)"), ("Gain", change), ("Gap", "–"), ("Gain", change),
    ]  # fmt: skip
    assert "not finished" in text and "Signs of cycling" in text and "joint@30" in text
    least = {key: found[key] for key in ("runs",)}
    assert build_comparison(page_of(least), tmp_path / "d.html").exists()


def test_a_file_becomes_a_page_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, found in (("found", make_compared()), ("page", make_comparison())):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(found))
        assert call("report", str(path)) == 0
        assert capsys.readouterr().out.strip() == str(tmp_path / f"{name}.html")
        assert "Runs and their cost" in (tmp_path / f"{name}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["{", "[1]", "{}", '{"runs": {"a": 1}}', '{"runs": {"a": {}}}'])
def test_a_file_of_something_else_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "x.json").write_text(text)
    assert call("report", str(tmp_path / "x.json")) == 2
    assert "x.json" in told(capsys.readouterr().err)


def test_a_long_comparison_fits(tmp_path: Path) -> None:
    report = json.loads(json.dumps(make_comparison()))
    for row in report["transcripts"]:
        for each in row["answers"]:
            each["reply"] = "<" * 5_000
    report["transcripts"] *= 5
    assert build_comparison(report, tmp_path / "c.html").stat().st_size < 5_000_000
    row = {"key": "x" * 3_500_000, "values": {}}  # transcripts get what the rest leaves
    assert build_comparison({**report, "config": [row]}, tmp_path / "c.html").stat().st_size < 5e6
    row["key"] *= 2
    with pytest.raises(StoreError, match="compare fewer runs"):
        build_comparison({**report, "config": [row]}, tmp_path / "c.html")
