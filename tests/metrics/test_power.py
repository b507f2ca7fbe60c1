"""What a test over run seeds could have seen, against SciPy and by simulation of that test."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from scipy import stats
from simulated import simulate

from advgame.metrics.power import detectable, over_questions, power_of, reach
from advgame.metrics.replicates import holm, paired_over_runs, student_p


@pytest.mark.parametrize("df", [1, 2, 4, 9, 30])
@pytest.mark.parametrize("size", [0.05, 0.05 / 4, 0.05 / 20])
def test_the_power_of_a_test_is_scipys(df: int, size: float) -> None:
    critical = stats.t.ppf(1 - size / 2, df)
    for difference in (0.5, 3.0, 20.0):
        below = np.nan_to_num(stats.nct.cdf(-critical, df, difference))  # SciPy's 0 is at times NaN
        known = stats.nct.sf(critical, df, difference) + below
        assert power_of(difference, df, size) == pytest.approx(known, abs=1e-5)
    assert power_of(0.0, df, size) == pytest.approx(size, abs=1e-5)
    assert power_of(reach(df, size, 0.8), df, size) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize(("runs", "tests"), [(3, 1), (5, 1), (5, 4)])
def test_what_is_called_detectable_the_reported_test_finds_four_times_in_five(
    runs: int, tests: int
) -> None:
    """The first of `tests` in Holm's order: the others are still to come."""
    rng = np.random.default_rng(runs)
    spread = {"runs": runs, "prompts": 40, "sd_run": 0.1, "sd_prompt": 0.2}
    told = [
        detectable(*simulate(rng, 0.0, **spread), size=0.05 / tests)["difference"]
        for _ in range(300)
    ]
    effect = sqrt(np.mean(np.square(told)))  # its square is estimated without bias
    found = []
    for _ in range(600):
        rows = simulate(rng, effect, **spread)
        means = ([float(np.mean(row)) for row in side] for side in rows)
        p = student_p(paired_over_runs(*means))
        found.append(holm({"first": p}, tests)["first"] < 0.05)
    assert 0.75 <= np.mean(found) <= 0.86


def test_questions_that_differ_alike_in_all_runs_hide_nothing_from_the_test() -> None:
    """It is asked on these questions; what others would say is told apart."""
    before, after = simulate(np.random.default_rng(0), 0.1, 4, 60, 0.1, 0.0)
    uneven = np.where(np.arange(60) % 2, 0.4, -0.4)
    shifted = (np.array(after) + uneven).tolist()
    plain, other = detectable(before, after), detectable(before, shifted)
    assert other["difference"] == pytest.approx(plain["difference"])
    widths = [each["high"] - each["low"] for each in
              (over_questions(before, rows) for rows in (after, shifted))]  # fmt: skip
    assert widths[1] > 2 * widths[0]


def test_other_questions_lie_within_what_is_told_of_them() -> None:
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(200):
        rows = simulate(rng, 0.1, 3, 40, sd_run=0.0, sd_prompt=0.2, centred=False)
        found = over_questions(*rows)
        hits += found["low"] <= 0.1 <= found["high"]
    assert 0.90 <= hits / 200 <= 0.99


def test_more_runs_and_prompts_and_fewer_tests_see_smaller_differences() -> None:
    before, after = simulate(np.random.default_rng(2), 0.1, 5, 60, 0.1, 0.1)
    least = [
        detectable(before, after, runs=n, prompts=m, size=size)["difference"]
        for n, m, size in (
            (3, 60, 0.01), (3, 60, 0.05), (5, 60, 0.05), (5, 600, 0.05), (20, 600, 0.05)
        )
    ]  # fmt: skip
    assert least == sorted(least, reverse=True)
    assert len(set(least)) == len(least)
    assert detectable(before[:1], after[:1])["difference"] is None


def test_runs_that_agree_by_luck_are_not_said_to_see_everything() -> None:
    """Their means are equal, their answers are not: single answers alone would set them apart."""
    before = [[0.0] * 6] * 3
    after = [[1.0, 0, 0, 1, 0, 0], [0, 1.0, 0, 0, 1, 0], [0, 0, 1.0, 0, 0, 1]]
    assert detectable(before, after)["difference"] > 0.3
    assert detectable(before, before)["difference"] is None
    assert detectable(before, [[1.0, 0, 0, 1, 0, 0]] * 3)["difference"] is None  # no spread, not 0
    unscored = [[*row[:5], None] for row in after]
    assert detectable(before, unscored)["prompts"] == 5
    assert over_questions(before, unscored)["n"] == 5
