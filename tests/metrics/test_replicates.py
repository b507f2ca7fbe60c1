"""Intervals over run seeds, against known values and by what they must cover."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from simulated import simulate

from advgame.metrics.replicates import (
    agreeing_p,
    crossed_bootstrap,
    holm,
    mean_over_runs,
    paired_over_runs,
    student_p,
)


def test_a_mean_over_runs_is_students() -> None:
    found = mean_over_runs([0.2, None, 0.4, 0.3])
    assert found["n"] == 3
    assert found["value"] == pytest.approx(0.3)
    assert found["high"] == pytest.approx(0.3 + 4.3027 * 0.1 / 3**0.5, abs=1e-4)
    assert mean_over_runs([0.2])["low"] is None
    assert mean_over_runs([None])["value"] is None


def test_pairs_cancel_what_the_runs_share() -> None:
    before = [0.1, 0.5, 0.9]
    found = paired_over_runs(before, [0.0, 0.39, 0.81])
    half = 4.3027 * 0.01 / 3**0.5
    assert (found["low"], found["high"]) == pytest.approx((-0.1 - half, -0.1 + half), abs=1e-5)
    with pytest.raises(ValueError, match=r"shorter|longer"):
        paired_over_runs(before, before[:2])


@given(st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=2, max_size=8))
def test_a_p_value_is_scipys_and_agrees_with_its_interval(values: list[float]) -> None:
    found = paired_over_runs([0.0] * len(values), values)
    p = student_p(found)
    if found["low"] is None or found["high"] is None:
        assert p is None
        return
    assert p == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue, abs=1e-9)
    if abs(p - 0.05) > 1e-6:
        assert (p < 0.05) == (not found["low"] <= 0 <= found["high"])


def test_holm_corrects_for_several() -> None:
    # Holm's own steps by hand: 4 · 0.01, 3 · 0.02, then never less than the one before.
    found = holm({"a": 0.04, "b": 0.01, "c": 0.02, "d": 0.9})
    assert found == pytest.approx({"a": 0.08, "b": 0.04, "c": 0.06, "d": 0.9})
    assert list(found) == ["a", "b", "c", "d"]
    assert holm({"a": 0.03, "b": 0.031})["b"] == 0.06
    assert holm({"a": 0.7, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}
    assert holm({"a": 0.04, "b": 0.01}, tests=4) == pytest.approx({"a": 0.12, "b": 0.04})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.data())
def test_no_corrected_value_rises_when_a_planned_one_comes(
    values: list[float], data: st.DataObject
) -> None:
    known = {str(name): value for name, value in enumerate(values)}
    some = {name: known[name] for name in known if data.draw(st.booleans())}
    early, late = holm(some, tests=len(known)), holm(known)
    assert all(late[name] <= early[name] for name in some)


def test_runs_that_agree_exactly_have_a_p_of_their_signs() -> None:
    """All sign patterns by hand: the share of those whose mean is as far from 0."""
    for values in ([0.25, 0.25], [-0.5] * 3, [0.125] * 5, [0.0] * 4):
        found = paired_over_runs([0.0] * len(values), values)
        assert student_p(found) is None
        flipped = [
            abs(np.dot(signs, values)) >= abs(sum(values)) - 1e-12
            for signs in itertools.product((1, -1), repeat=len(values))
        ]
        assert agreeing_p(found) == pytest.approx(np.mean(flipped))
    assert agreeing_p(paired_over_runs([0.0], [0.5])) is None  # one run agrees with itself
    assert agreeing_p(paired_over_runs([0.0, 0.0], [0.5, 0.4])) is None  # Student's has its say
    assert agreeing_p(paired_over_runs([None], [None])) is None


def test_where_nothing_differs_holm_is_seldom_wrong() -> None:
    rng = np.random.default_rng(0)
    alone = together = 0
    for _ in range(400):
        reference = rng.normal(size=4)
        p_values = {
            str(arm): student_p(paired_over_runs(reference.tolist(), rng.normal(size=4).tolist()))
            for arm in range(4)
        }
        known = {arm: p for arm, p in p_values.items() if p is not None}
        alone += min(known.values()) < 0.05
        together += min(holm(known).values()) < 0.05
    assert alone > 40  # twice what each comparison allows by itself
    assert together < 30


def test_the_crossed_bootstrap_covers_where_one_over_prompts_alone_does_not() -> None:
    from advgame.metrics.intervals import paired_bootstrap

    rng = np.random.default_rng(0)
    crossed = prompts_alone = 0
    for _ in range(60):
        before, after = simulate(rng, 0.2, 8, 40, sd_run=0.2, sd_prompt=0.1, centred=False)
        found = crossed_bootstrap(before, after, resamples=400)
        crossed += found["low"] <= 0.2 <= found["high"]
        flat = [value for row in after for value in row]
        names = [column for row in after for column in range(len(row))]
        alone = paired_bootstrap([0.0] * len(flat), flat, names, resamples=400)
        prompts_alone += alone["low"] <= 0.2 <= alone["high"]
    assert crossed >= 50
    assert prompts_alone <= 40


def test_runs_that_agree_exactly_are_not_taken_for_certainty() -> None:
    """Three runs of a small study with the same difference: no interval."""
    same = paired_over_runs([0.1, 0.5, 0.9], [0.2, 0.6, 1.0])
    assert (same["value"], same["low"], same["n"]) == (pytest.approx(0.1), None, 3)
    answers = [[1.0, 0.0, 1.0, 0.0]] * 3
    unchanged = crossed_bootstrap(answers, answers, resamples=50)
    assert (unchanged["value"], unchanged["low"], unchanged["n"]) == (0.0, None, 12)
    by_prompt = crossed_bootstrap(answers, [[0.0, 0.0, 1.0, 0.0]] * 3, resamples=200)
    assert by_prompt["low"] < by_prompt["value"] == -0.25  # the prompts differ, if no run does


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 1.0, None]), min_size=3, max_size=3), min_size=1, max_size=4
    )
)
def test_unscored_answers_are_left_out_of_both(rows) -> None:
    found = crossed_bootstrap(rows, rows, resamples=50)
    scored = sum(value is not None for row in rows for value in row)
    assert found["n"] == scored
    assert found["value"] == (0.0 if scored else None)


def test_unequal_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        crossed_bootstrap([[1.0, 0.0]], [[1.0]])
    with pytest.raises(ValueError, match="different numbers"):
        crossed_bootstrap([[1.0], [1.0, 0.0]], [[1.0], [1.0, 0.0]])
