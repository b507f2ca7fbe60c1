"""Axes: one format each, and never beyond what a value can be."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advgame.report import build_report
from advgame.report.curve import possible, titled
from advgame.report.figures import figure_groups
from advgame.report.flat import unfolded
from advgame.report.run_data import RunData
from advgame.report.scale import labels, operations
from advgame.report.svg import Chart, Line, nice_ticks


@pytest.mark.parametrize(
    ("ticks", "told"),
    [
        ([0, 50_000, 100_000, 150_000], "0 50k 100k 150k"),
        ([0, 1_000_000, 2_000_000, 2_345_678], "0 1M 2M 2M"),
        ([-2.5, 0, 2.5, 5], "−2.5 0.0 2.5 5.0"),
        ([0, 2.5e-4, 5e-4], "0 2.5e−4 5.0e−4"),
        ([0, 250, 9_999], "0 250 9999"),
        ([0], "0"),
    ],
)
def test_an_axis_has_one_format(ticks: list[float], told: str) -> None:
    assert labels(ticks) == told.split()


@given(st.floats(-1e15, 1e15), st.floats(1e-9, 1e15), st.booleans())
def test_the_labels_of_ticks_differ_and_share_a_format(
    low: float, width: float, percent: bool
) -> None:
    told = labels(ticks := nice_ticks(low, low + width), percent=percent)
    assert len(told) == len(ticks)
    formats = {re.sub(r"[−\d]", "", each) for each in told if each != "0"}
    assert len(formats) == 1
    assert len({len(each.partition(".")[2]) for each in told if each != "0"}) == 1


def test_operations_have_a_unit_apart() -> None:
    assert operations("154T") == "154 TFLOP" and operations("12.3k") == "12.3 kFLOP"


def data(**values: list[float | None]) -> RunData:
    """A run that recorded these, KEY with a double underscore for a slash."""
    steps = range(len(next(iter(values.values()))))
    lines = tuple(
        {"step": step, **{key.replace("__", "/"): each[step] for key, each in values.items()}}
        for step in steps
    )
    return RunData(name="x", config={}, config_text="", metrics=lines, validations=())


def ends(chart: Chart) -> list[str]:
    """The first and the last label of its y axis."""
    told = re.findall(r'text-anchor="end">([^<]*)<', str(chart.svg))
    return [told[0], told[-1]]


def test_no_axis_and_no_band_goes_where_no_value_can_be() -> None:
    noisy = [0.0, 1.0] * 8
    run = data(
        attacker__reward_accuracy=noisy,
        attacker__entropy=[3 * each for each in noisy],
        attacker__examples=[60 * each for each in noisy],
        attacker__harmful__score=[10 * each for each in noisy],
        attacker__harmful__reward=[-1 + each for each in noisy],
    )
    charts = {c.title: c for group in figure_groups(run) for c in group.charts}
    least = {"Reward accuracy": "0%", "Entropy": "0", "Examples a step": "0",
             "Attacker: judged score": "0.0"}  # fmt: skip
    for title, low in least.items():
        chart = charts[title]
        assert isinstance(chart, Chart) and ends(chart)[0] == low
        assert all(bound >= 0 for line in chart.lines for pair in line.band for bound in pair)
    assert ends(charts["Reward accuracy"])[1] == "100%"  # type: ignore[arg-type]
    assert ends(charts["Attacker: judged score"])[1] == "10.0"  # type: ignore[arg-type]
    reward = charts["Attacker: reward"]
    assert min(low for line in reward.lines for low, _ in line.band) >= -1
    beyond = Chart(
        title="t", note="", within=(-1, inf),
        lines=(Line(label="a", style="c-grey", points=((0, -0.9), (1, 15))),),
    )  # fmt: skip
    assert ends(beyond) == ["0", "15"]  # −5 is no reward: the axis ends at −1, between two ticks


def test_what_was_one_value_throughout_is_a_sentence() -> None:
    run = data(
        attacker__harmful__contrast=[1.0] * 4,
        defender__harmful__direct__contrast=[1.0, 1.0, 0.5, 1.0],
        defender__harmful__direct__fault_truncated=[0.0] * 4,
        attacker__skipped=[0.0] * 4,
    )
    groups = {group.id: group for group in figure_groups(run)}
    assert [chart.title for chart in groups["learning"].charts] == [
        "Contrast among the Defender's replies"
    ]
    assert groups["learning"].flat == (
        "100% at every step: Contrast among a seed's prompts.",
        "0 at every step: Updates skipped for want of an example.",
    )
    assert not groups["faults"].charts  # and the group is shown for what it says
    assert groups["faults"].flat == ("0% at every step: Defender: truncated replies.",)
    halves = Line(label="a", style="", points=((0, 0.5), (1, 0.5)))
    assert unfolded([Chart(title="t", note="", lines=(halves,), percent=True)])[1] == ()


def test_titles_are_those_of_the_run_page(run: Path) -> None:
    page = build_report(run).read_text(encoding="utf-8")
    told = titled("attacker/harmful/win_rate")
    assert told == "Attacker: share of prompts that win, harmful seeds"
    assert told.rpartition(",")[0] in page
    assert titled("defender/benign/direct/own_word") == "Own word, benign seeds, asked plainly"
    assert (titled("attacker/loss"), titled("speed")) == ("Loss", "Speed")
    assert possible("attacker/of_an_objective_of_ones_own") == (-inf, inf)
