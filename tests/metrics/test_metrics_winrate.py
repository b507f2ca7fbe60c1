"""Win rates, plain and at equal length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from advgame.metrics.winrate import RIDGE, length_controlled, win_rate

VALUES = st.lists(st.sampled_from([0.0, 0.5, 1.0, None]), min_size=1, max_size=50)


@given(VALUES)
def test_win_rate_is_the_mean_and_mirrors(values: list[float | None]) -> None:
    found = win_rate(values)
    scored = [value for value in values if value is not None]
    assert (found["n"], found["unscored"]) == (len(scored), len(values) - len(scored))
    if scored:
        assert found["value"] == pytest.approx(sum(scored) / len(scored))
        other = win_rate([None if value is None else 1 - value for value in values])
        mirrored = (1 - other["high"], 1 - other["low"])
        assert (found["low"], found["high"]) == pytest.approx(mirrored)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.integers(-200, 200)), min_size=2,
                max_size=40))  # fmt: skip
def test_the_two_models_are_treated_alike(rows: list[tuple[float, int]]) -> None:
    won, gaps = [y for y, _ in rows], [gap for _, gap in rows]
    here = length_controlled(won, gaps, [0] * len(rows), resamples=20)
    there = length_controlled([1 - y for y in won], [0] * len(rows), gaps, resamples=20)
    assert here["value"] == pytest.approx(1 - there["value"], abs=1e-6)
    assert 0 < here["value"] < 1


def test_the_fit_is_scikit_learns() -> None:
    draw = np.random.default_rng(0)
    own, other = draw.integers(50, 900, 80), draw.integers(50, 900, 80)
    won = draw.choice([0.0, 0.5, 1.0], 80, p=[0.3, 0.2, 0.5])
    gap = np.tanh((own - other) / (own - other).std())
    # A soft outcome is two rows with weights y and 1 − y; the constant is penalised like the rest.
    features = np.column_stack([np.ones(80), gap])
    theirs = LogisticRegression(C=1 / RIDGE, fit_intercept=False, tol=1e-10, max_iter=1000).fit(
        np.vstack([features, features]), [1] * 80 + [0] * 80, np.concatenate([won, 1 - won])
    )
    found = length_controlled(list(won), list(own), list(other))
    assert found["value"] == pytest.approx(1 / (1 + np.exp(-theirs.coef_[0, 0])), abs=1e-6)
    assert found["low"] < found["value"] < found["high"]


def test_a_judge_that_likes_length_is_seen_through() -> None:
    """Replies as good as the reference's, only longer: the plain rate is fooled."""
    draw = np.random.default_rng(1)
    other = draw.integers(200, 400, 400)
    own = other + draw.integers(-100, 300, 400)
    likes = 1 / (1 + np.exp(-2.5 * np.tanh((own - other) / (own - other).std())))
    won = (draw.random(400) < likes).astype(float)
    plain = win_rate(list(won))
    even = length_controlled(list(won), list(own), list(other))
    assert plain["low"] > 0.6
    assert even["low"] < 0.5 < even["high"]


def test_what_was_won_always_stays_finite() -> None:
    found = length_controlled([1.0] * 30, [10] * 30, [10] * 30)
    assert 0.9 < found["value"] < 1
    assert length_controlled([None], [1], [1])["value"] is None


@pytest.mark.parametrize(
    ("preference", "n"), [(1.0, 1), (1.0, 30), (0.5, 20), (0.0, 10), (1.0, 300)]
)
def test_where_all_agree_the_interval_is_not_that_of_resampling(preference: float, n: int) -> None:
    """Drawing the same again and again would leave it without width."""
    plain = win_rate([preference] * n)
    for lengths in (range(n), [50 + at for at in range(n)]):
        found = length_controlled([preference] * n + [None], [*lengths, 0], [5] * (n + 1))
        assert found["low"] <= plain["low"] and found["high"] >= plain["high"]
        assert found["low"] <= found["value"] <= found["high"]
        assert found["high"] - found["low"] <= plain["high"] - plain["low"] + 0.02
        assert (found["n"], found["unscored"]) == (n, 1)
