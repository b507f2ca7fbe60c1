"""What the page claims: verdicts, the paragraph, and the curves behind them."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advgame.numbers import in_percent, in_points, on_axis, percent, points
from advgame.report import build_report
from advgame.report.figures import figure_groups
from advgame.report.pick import fitting, interleaved, spread
from advgame.report.rates import Difference, Rate, RateChange, rate_changes
from advgame.report.run_data import RunData, cleaned, read_run
from advgame.report.story import story
from advgame.report.svg import Chart, Line, nice_ticks, short, thinned
from advgame.report.transcripts import side_by_side

NAME = "direct/harmful/attack_success"


def rate(value: float, half: float = 0.1, n: int = 50) -> Rate:
    return Rate(value=value, low=value - half, high=value + half, n=n)


def change(before: Rate | None, after: Rate | None, span: tuple[float, float] | None) -> RateChange:
    difference = None
    if span:
        difference = Difference(value=sum(span) / 2, low=span[0], high=span[1])
    return RateChange(name=NAME, before=before, after=after, difference=difference)


@pytest.mark.parametrize(
    ("case", "verdict", "words"),
    [
        (
            change(rate(0.9), rate(0.3), (-0.7, -0.5)),
            "fell",
            "60.0 points (95% interval 50.0 to 70.0)",
        ),
        (
            change(rate(0.3), rate(0.9), (0.5, 0.7)),
            "rose",
            "rose from 30.0% to 90.0% of 50 questions",
        ),
        (change(rate(0.5), rate(0.45), (-0.2, 0.1)), "unclear", "may be chance"),
        (change(rate(0.5), rate(0.5), (-0.1, 0.1)), "unclear", "stayed at 50.0%"),
        (change(rate(0.5), rate(0.4), (-0.15, -0.05)), "fell", "before and after overlap"),
        (change(rate(0.9), rate(0.3), None), "fell", "do not overlap"),
        (change(rate(0.5), rate(0.4), None), "unclear", "overlap, so no change is shown"),
        (
            change(rate(0.5), None, None),
            "unknown",
            "was 50.0% (95% interval 40.0% to 60.0%, n = 50)",
        ),
        (change(None, None, None), "unknown", "was not measured"),
    ],
)
def test_claims_no_more_than_the_intervals(case: RateChange, verdict: str, words: str) -> None:
    assert case.verdict == verdict
    data = RunData(name="x", config={}, config_text="", metrics=(), validations=())
    assert words in story(data, [case])


def test_story_of_a_run_is_plain_text(run: Path) -> None:
    data = read_run(run)
    text = story(data, rate_changes(data))
    assert text.startswith("The run took 12 training steps.")
    assert "could not score 8 answers" in text
    assert "\n" not in text and "None" not in text and not re.search(r"\bnan\b", text)


def test_without_a_summary_first_and_last_validation_count(run: Path) -> None:
    data = read_run(run)
    bare = RunData(name="x", config={}, config_text="", metrics=(), validations=data.validations)
    for with_summary, without in zip(rate_changes(data), rate_changes(bare), strict=True):
        assert (without.before, without.after) == (with_summary.before, with_summary.after)
        assert without.difference is None


def test_rates_that_nothing_was_scored_for_are_unknown() -> None:
    none = {"value": None, "low": None, "high": None, "n": 0, "unscored": 3}
    data = RunData(
        name="x", config={}, config_text="", metrics=(), validations=(),
        summary={"before": {NAME: none}, "after": {NAME: none}, "differences": {NAME: none}},
    )  # fmt: skip
    (found,) = rate_changes(data)
    assert (found.before, found.after, found.verdict) == (None, None, "unknown")
    text = story(data, [found])
    assert "was not scored by the judge." in text and "could not score 6 answers" in text


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("joint", "those rates measure both"),
        ("selfplay", "those rates measure both"),
        ("attacker-only", "those rates measure the Attacker"),
        ("static", "those rates measure the Defender"),
        ("defender-only", "those rates measure the Defender"),
    ],
)
def test_the_story_says_whom_a_rate_under_attack_measures(schedule: str, words: str) -> None:
    attacked = RateChange(
        name="attacked/harmful/attack_success", before=rate(0.9), after=rate(0.3), difference=None
    )
    config = {"schedule": {"type": schedule}}
    data = RunData(name="x", config=config, config_text="", metrics=(), validations=())
    assert words in story(data, [attacked])


def test_a_run_with_a_budget_promises_no_number_of_steps() -> None:
    config = {"train": {"steps": 1_000_000, "budget_tokens": 200_000}}
    lines = tuple({"step": step} for step in range(3))
    data = RunData(name="x", config=config, config_text="", metrics=lines, validations=())
    assert story(data, []).startswith("So far 3 training steps are recorded.")


def test_where_seeds_are_scenes_nobody_refuses_a_request() -> None:
    config = {"judges": {"defender": {"type": "sandbox"}, "evaluation": {"type": "sandbox"}}}
    rates = {"direct/benign/over_refusal": {"value": 0.2, "low": 0.1, "high": 0.3, "n": 40}}
    validations = tuple({"step": step, "rates": rates} for step in (0, 8))
    data = RunData(name="x", config=config, config_text="", metrics=(), validations=validations)
    (found,) = rate_changes(data)
    assert found.label == "Task not done"
    assert "Task not done went from 20.0%" in story(data, [found])
    over_time = figure_groups(data)[0]
    assert "by the facts of their scenes" in over_time.intro
    assert [chart.title for chart in over_time.charts] == ["Task not done"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.314, "−31"), (0.05, "+5"), (0.0, "0"), (-0.001, "0"), (1, "+100"), (-0.525, "−53")],
)
def test_points(value: float, text: str) -> None:
    assert points(value) == text


def test_percent() -> None:
    assert (percent(0.314), percent(0.0256, 1), percent(1)) == ("31%", "2.6%", "100%")
    assert [percent(each) for each in (0.225, 0.235, 0.285, -1e-12)] == ["23%", "24%", "29%", "0%"]
    assert (on_axis(0.5), on_axis(0.025), on_axis(-0.1)) == ("50%", "2.5%", "−10%")


@given(st.integers(1, 400), st.data())
def test_a_page_says_rates_whose_difference_is_the_change(n: int, data: st.DataObject) -> None:
    before, after = (data.draw(st.integers(0, n)) / n for _ in range(2))
    told = (in_percent(before)[:-1], in_percent(after)[:-1], in_points(after - before))
    was, now, moved = (float(each.replace("−", "-")) for each in told)
    assert abs(now - was - moved) < 0.1 + 1e-9
    if 1_000 % n == 0:  # whole tenths of a percent
        assert moved == pytest.approx(now - was)


def test_every_part_of_a_page_says_a_rate_alike(run: Path, tmp_path: Path) -> None:
    found = {"value": 0.225, "low": 0.125, "high": 0.375, "n": 40, "unscored": 0}
    was = {**found, "value": 0.75, "low": 0.6, "high": 0.875}
    other = shutil.copytree(run, tmp_path / "run")
    summary = {"steps": 12, "before": {NAME: was}, "after": {NAME: found}}
    moved = {"value": -0.525, "low": -0.675, "high": -0.325, "n": 40}
    text = json.dumps({**summary, "differences": {NAME: moved}})
    (other / "summary.json").write_text(text)
    page = build_report(other).read_text(encoding="utf-8")
    assert "fell from 75.0% to 22.5% of 40 questions, by 52.5 points" in page
    assert '<span class="is">22.5%</span>' in page and "<b>22.5%</b>" in page
    assert "<b>−52.5</b>" in page and not re.search(r"\b(22|23|52|53)(%| points)", page)


def test_transcripts_join_the_same_question_changed_first(run: Path) -> None:
    found = side_by_side(read_run(run), budget=10**6)
    assert found["steps"] == [0, 12]
    outcomes = [(row["before"]["success"], row["after"]["success"]) for row in found["rows"]]
    changed = [None not in pair and pair[0] != pair[1] for pair in outcomes]
    assert changed == sorted(changed, reverse=True) and any(changed) and not all(changed)
    assert found["of"] == len(found["rows"]) == 4 * 24
    raw = json.loads((run / "validation/step-000012.json").read_text())["transcripts"]
    later = {(each["id"], each["mode"]): each["score"] for each in raw}
    assert all(row["after"]["score"] == later[row["id"], row["mode"]] for row in found["rows"])
    few = side_by_side(read_run(run), budget=3_000)
    assert few["rows"] == found["rows"][: len(few["rows"])] and few["of"] == 96


def test_one_validation_has_no_after(run: Path) -> None:
    data = read_run(run)
    single = RunData(
        name="x", config={}, config_text="", metrics=(), validations=data.validations[:1]
    )
    found = side_by_side(single, budget=10**6)
    assert found["steps"] == [0] and {row["after"] for row in found["rows"]} == {None}


def test_every_documented_metric_has_a_curve(run: Path) -> None:
    data = read_run(run)
    groups = {group.id: group for group in figure_groups(data)}
    drawn = {
        getattr(line, "raw", ()) or getattr(line, "points", ())
        for group in groups.values()
        for chart in group.charts
        for line in chart.lines
    }
    last = data.metrics[-1]
    names = {
        key for key in last if not key.startswith(("validation/", "versions/")) and key != "time"
    } - {"step"}
    for name in names:
        series = tuple(
            (line["step"], line[name]) for line in data.metrics if line[name] is not None
        )
        constant = {value for _, value in series} in ({0.0}, {1.0})
        assert not series or series in drawn or constant, name
    assert groups["judge"].charts and groups["faults"].flat == (
        "0% at every step: Defender: unparseable replies.",
    )
    assert {"Loss", "KL"} <= {chart.title for chart in groups["learning"].charts}
    assert [chart.title for chart in groups["details"].charts] == ["Passes"]


@given(
    st.floats(-1e12, 1e12, allow_nan=False),
    st.floats(0, 1e12, allow_nan=False),
    st.booleans(),
)
def test_ticks_enclose_their_range(low: float, width: float, whole: bool) -> None:
    ticks = nice_ticks(low, low + width, whole=whole)
    assert ticks == sorted(ticks) and (whole or len(ticks) >= 2) and len(ticks) <= 8
    slack = 1e-6 * max(1.0, abs(low), width)
    assert ticks[0] <= low + slack and ticks[-1] >= low + width - slack


@given(
    st.lists(
        st.tuples(st.integers(0, 2000), st.floats(-1e9, 1e9, allow_nan=False)),
        min_size=1, max_size=40, unique_by=lambda point: point[0],
    ),
    st.booleans(),
)  # fmt: skip
def test_charts_draw_inside_their_frame(points: list[tuple[int, float]], percent: bool) -> None:
    line = Line(label="<i>", style="c-grey", points=tuple(sorted(points)))
    svg = str(Chart(title='"&<', note="", lines=(line,), percent=percent).svg)
    assert "<i>" not in svg and "nan" not in svg and 'aria-label="&#34;&amp;&lt;"' in svg
    for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", svg.split('class="line')[1].split("/>")[0]):
        assert 0 <= float(x) <= 360 and (0 <= float(y) <= 200 or percent)


def test_thinned_keeps_the_mean() -> None:
    line = Line(
        label="", style="", points=tuple((float(step), math.sin(step)) for step in range(3000))
    )
    thin = thinned(line).points
    assert len(thin) == 150 and thin[-1][0] == 2999
    assert Chart(title="", note="", lines=(line,)).averaged == 20
    assert sum(y for _, y in thin) / 150 == pytest.approx(sum(y for _, y in line.points) / 3000)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.25, "0.25"), (123.4, "123.4"), (12_300, "12.3k"), (2e6, "2M"), (1e-6, "1e-6")],
)
def test_short(value: float, text: str) -> None:
    assert short(value) == text


def test_cleaned_reaches_every_level() -> None:
    assert cleaned({"\x07": [{"a": "\u202e"}, math.nan, 1, None, True]}) == {
        "␇": [{"a": "⟨U+202E⟩"}, None, 1, None, True]
    }


@given(st.lists(st.integers()), st.integers(2, 20))
def test_spread_keeps_order_and_ends(items: list[int], count: int) -> None:
    picked = spread(items, count)
    assert len(picked) == min(len(items), count)
    if items:
        assert (picked[0], picked[-1]) == (items[0], items[-1])


@given(st.lists(st.sampled_from("abc")))
def test_interleaved_is_fair(items: list[str]) -> None:
    order = interleaved(items, lambda item: item)
    assert sorted(order) == sorted(items)
    for end in range(len(order)):
        for group in set(order[end:]):
            counts = [order[:end].count(each) for each in "abc"]
            assert order[:end].count(group) >= max(counts) - 1


def test_fitting_stops_at_the_budget() -> None:
    assert fitting(["ab", "c", "d"], 7) == (["ab", "c"], 7)
    assert fitting(["<"], 7) == ([], 0)  # written \\u003c
    assert fitting(["<"], 8) == (["<"], 8)
