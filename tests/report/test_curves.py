"""Curves of training: running means over thin steps, and the axis below them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from fake_run import write_fake_run
from hypothesis import given
from hypothesis import strategies as st

from advgame.report.figures import figure_groups
from advgame.report.run_data import RunData, read_run
from advgame.report.smooth import FEWEST, SHARE, extremes, smoothed, window
from advgame.report.svg import Chart, Line


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    return read_run(write_fake_run(tmp_path_factory.mktemp("runs") / "r", steps=30, seeds=1))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=400))
def test_running_means_stay_near_their_steps(values: list[float]) -> None:
    points = list(enumerate(values))
    line = smoothed("a", "c-grey", points, within=SHARE)
    assert line.points[0][0] == 0 and line.points[-1][0] == len(values) - 1
    if len(values) < FEWEST:
        assert line.points == tuple(points) and not line.band
        return
    assert len(line.points) <= 101 and len(line.band) == len(line.points)
    half = window(len(values)) // 2
    assert line.window == 2 * half + 1
    steps = f"thin: each step, thick: mean of {line.window} steps"
    assert Chart(title="t", note="", lines=(line,)).window == steps
    alone = replace(line, raw=())
    tokens = Chart(title="t", note="", lines=(alone,), unit="tokens")
    assert tokens.window == f"mean of {line.window} points"
    for (step, mean), (low, high) in zip(line.points, line.band, strict=True):
        near = values[max(0, step - half) : step + half + 1]
        assert min(near) - 1e-9 <= mean <= max(near) + 1e-9
        assert 0 <= low <= mean + 1e-9 and mean - 1e-9 <= high <= 1


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=400), st.integers(1, 40))
def test_a_thinner_line_keeps_its_peaks(values: list[float], most: int) -> None:
    points = list(enumerate(values))
    kept = extremes(points, most)
    assert len(kept) <= 2 * most and set(kept) <= set(points) and list(kept) == sorted(kept)
    heights = [y for _, y in kept]
    assert (min(heights), max(heights)) == (min(values), max(values))


def test_curves_of_training_show_steps_means_and_what_is_drawn(data: RunData) -> None:
    groups = {group.id: group for group in figure_groups(data)}
    loss, *_ = groups["learning"].charts
    assert isinstance(loss, Chart) and loss.window.endswith("mean of 5 steps")
    assert all(line.raw and line.band for line in loss.lines)
    assert str(loss.svg).count('class="line raw') == len(loss.lines)
    assert ">29</text>" in str(loss.svg) and ">30</text>" not in str(loss.svg)  # the last step
    for each in ("learning", "cost"):
        for chart in groups[each].charts:
            if chart.title in ("Learning rate", "Tokens"):
                assert isinstance(chart, Chart) and not chart.window
    config = {"game": {"defender_reward": {"type": "judged", "novelty": 30.0, "diversity": 0.0}}}
    notes = {c.title: c.note for c in figure_groups(replace(data, config=config))[2].charts}
    assert notes["Defender: reward"] == "The judged score, and up to 30 for novelty."
    assert notes["Attacker: reward"] == "The judged score."
    score = next(c for c in groups["rewards"].charts if c.title == "Attacker: judged score")
    assert all(0 <= low <= high <= 10 for line in score.lines for low, high in line.band)


@pytest.mark.parametrize(("last", "ticks"), [(99, "0 25 50 75 99"), (100, "0 25 50 75 100"),
                                             (103, "0 50 103"), (1, "0 1")])  # fmt: skip
def test_the_last_step_has_a_tick(last: int, ticks: str) -> None:
    line = Line(label="", style="c-grey", points=((0.0, 0.5), (float(last), 0.5)))
    svg = str(Chart(title="t", note="", lines=(line,)).svg)
    found = re.findall(r'y="190" text-anchor="middle">([^<]*)<', svg)
    assert " ".join(found) == ticks
