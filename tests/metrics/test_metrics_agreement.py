"""Agreement of two sources of verdicts, against scikit-learn, scipy and known cases."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, roc_auc_score

from advgame.metrics import agreement as ag
from advgame.metrics.moments import mean_difference, moments, pooled

SCORES = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=4, max_size=40)


@given(SCORES)
def test_against_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    score = np.array([s for s, _ in rows], float)
    label = np.array([y for _, y in rows], float)
    said = (score >= 3).astype(float)
    if len(set(label)) < 2:
        assert ag.auc(score, label) is None and ag.balanced_accuracy(said, label) is None
        return
    assert ag.auc(score, label) == pytest.approx(roc_auc_score(label, score))
    assert ag.balanced_accuracy(said, label) == pytest.approx(balanced_accuracy_score(label, said))
    assert ag.accuracy(said, label) == pytest.approx(float((said == label).mean()))
    expected = cohen_kappa_score(said, label)
    assert ag.kappa(said, label) == pytest.approx(expected)
    table = ag.confusion([s > 0 for s in said], [y > 0 for y in label])
    assert ag.kappa_of(table)["value"] == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=30))
def test_rank_correlation(rows: list[tuple[int, int]]) -> None:
    x, y = (np.array(column, float) for column in zip(*rows, strict=True))
    found = ag.correlation(x, y)
    if len(set(x)) < 2 or len(set(y)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(x, y).statistic)


def test_correlation_at_a_fixed_label_forgets_what_the_label_explains() -> None:
    rng = np.random.default_rng(0)
    label = np.repeat([0.0, 1.0], 200)
    length = 5 * label + rng.normal(size=400)
    score = 5 * label + rng.normal(size=400)
    assert ag.correlation(length, score) > 0.6
    assert abs(ag.correlation_within(length, score, label)) < 0.15
    assert ag.correlation_within(length, score + length, label) > 0.5


def test_calibration() -> None:
    said = [0.05] * 100 + [0.95] * 100 + [1.0]
    so = [i < 5 for i in range(100)] + [i < 50 for i in range(100)] + [True]
    error, curve = ag.calibration(said, so)
    assert [bin["n"] for bin in curve] == [100, 101]
    assert curve[0]["share"] == 0.05 and curve[0]["low"] < 0.05 < curve[0]["high"]
    assert error == pytest.approx(101 / 201 * (95 + 1 - 51) / 101, abs=1e-3)
    assert ag.calibration([], []) == (None, [])


def test_known_interval_of_kappa() -> None:
    """The 2 x 2 table of Fleiss, Levin & Paik: 95% of large samples lie inside."""
    rng, inside = random.Random(2), 0
    truth = 0.7 * 0.5  # agree beyond chance in half of cases, by construction below
    for _ in range(400):
        pairs = []
        for _ in range(120):
            first = rng.random() < 0.5
            second = first if rng.random() < truth else rng.random() < 0.5
            pairs.append((first, second))
        found = ag.kappa_of(ag.confusion(*zip(*pairs, strict=True)))
        assert found["low"] <= found["value"] <= found["high"]
        inside += found["low"] <= truth <= found["high"]
    assert 0.92 <= inside / 400 <= 0.98


def test_perfect_agreement_on_a_few_is_not_certain() -> None:
    found = ag.kappa_of(ag.Confusion(both=3, first_only=0, second_only=0, neither=3))
    assert found["value"] == 1.0 and found["high"] == 1.0 and found["low"] < 0.8
    one_class = ag.kappa_of(ag.Confusion(both=5, first_only=0, second_only=0, neither=0))
    assert one_class["value"] is None


def test_clusters_widen_an_interval() -> None:
    rng = random.Random(3)
    label, said, cluster = [], [], []
    for group in range(30):
        right = rng.random() < 0.7
        for _ in range(8):
            label.append(rng.random() < 0.5)
            said.append(label[-1] if right else not label[-1])
            cluster.append(group)
    alone = ag.estimate(ag.accuracy, (said, label), range(len(label)))
    together = ag.estimate(ag.accuracy, (said, label), cluster)
    assert alone["value"] == together["value"]
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])
    assert ag.estimate(ag.accuracy, (said, label), cluster) == together


@given(
    st.lists(st.floats(-5, 5), min_size=8, max_size=30),
    st.lists(st.floats(-5, 5), min_size=8, max_size=30),
)
@example([0.0] * 8, [0.0] * 7 + [1.82538461238836e-155])
def test_welch(before: list[float], after: list[float]) -> None:
    found = mean_difference(moments(before), moments(after), 0.99)
    assert found["value"] == pytest.approx(np.mean(after) - np.mean(before))
    if np.std(before) + np.std(after) > 1e-6:
        test = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.99)
        assert found["low"] == pytest.approx(test.low, rel=0.02, abs=0.02)
        assert found["high"] == pytest.approx(test.high, rel=0.02, abs=0.02)


@given(st.lists(st.lists(st.floats(-5, 5), min_size=1, max_size=6), min_size=1, max_size=5))
def test_pooled_moments_are_those_of_all_values(parts: list[list[float]]) -> None:
    whole = moments([value for part in parts for value in part])
    found = pooled([moments(part) for part in parts])
    assert found["n"] == whole["n"]
    assert found["mean"] == pytest.approx(whole["mean"], abs=1e-9)
    assert found["sd"] == pytest.approx(whole["sd"], abs=1e-6)
