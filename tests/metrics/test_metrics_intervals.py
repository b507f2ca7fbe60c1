from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advgame.metrics.intervals import (
    mean_share,
    paired_bootstrap,
    paired_difference,
    rate,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [  # Newcombe 1998, Stat. Med. 17:857, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_published_values(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_mirrors(counts: tuple[int, int]) -> None:
    successes, n = counts
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    assert low < high
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_what_is_no_share(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        wilson(successes, n)


def test_unscored_is_reported_and_never_counted() -> None:
    found = rate([True, None, False, None, True])
    assert (found["value"], found["n"], found["unscored"]) == (pytest.approx(2 / 3), 3, 2)
    assert (found["low"], found["high"]) == wilson(2, 3)
    assert rate([None]) == {"value": None, "low": None, "high": None, "n": 0, "unscored": 1}


def table(both: int, lost: int, gained: int, neither: int) -> tuple[list[bool], list[bool]]:
    before = [True] * (both + lost) + [False] * (gained + neither)
    after = [True] * both + [False] * lost + [True] * gained + [False] * neither
    return before, after


def test_paired_difference_against_a_published_value() -> None:
    """Fagerland, Lydersen and Laake 2014 (Stat. Med. 33:2850), airway hyper-responsiveness."""
    found = paired_difference(*table(both=1, lost=7, gained=1, neither=12))
    assert found["value"] == pytest.approx(-6 / 21)
    assert (found["low"], found["high"]) == pytest.approx((-0.507, -0.026), abs=5e-4)


OUTCOMES = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(OUTCOMES)
def test_paired_difference_holds_its_value_and_mirrors(pairs: list[tuple[bool, bool]]) -> None:
    before, after = [b for b, _ in pairs], [a for _, a in pairs]
    found, mirror = paired_difference(before, after), paired_difference(after, before)
    assert -1 <= found["low"] <= found["value"] <= found["high"] <= 1
    assert found["low"] < found["high"]
    assert (mirror["low"], mirror["high"]) == pytest.approx((-found["high"], -found["low"]))


def test_no_change_is_not_certainty() -> None:
    found = paired_difference([True] * 20, [True] * 20)
    assert found["value"] == 0
    assert found["low"] < -0.1
    assert found["high"] > 0.1


def test_pairs_unscored_on_either_side_are_left_out() -> None:
    before, after = [True, None, True, False], [False, True, None, False]
    assert paired_difference(before, after) == paired_difference([True, False], [False, False])
    assert paired_bootstrap(before, after)["n"] == 2
    assert paired_difference([None], [True])["value"] is None
    assert paired_bootstrap([None], [1.0])["value"] is None
    with pytest.raises(ValueError, match=r"shorter|longer"):
        paired_difference([True], [])
    with pytest.raises(ValueError, match="cluster"):
        paired_bootstrap([1.0], [1.0], clusters=[1, 2])


def test_intervals_cover_as_often_as_they_say() -> None:
    """300 studies of 100 paired questions; 95% ± 3.5 points is within Monte-Carlo error."""
    rng = np.random.default_rng(5)
    cells = np.array([0.25, 0.30, 0.10, 0.35])  # both, lost, gained, neither
    truth = cells[2] - cells[1]
    hits = {"newcombe": 0, "bootstrap": 0}
    for study in range(300):
        before, after = table(*rng.multinomial(100, cells))
        newcombe = paired_difference(before, after)
        bootstrap = paired_bootstrap(before, after, seed=study, resamples=500)
        hits["newcombe"] += newcombe["low"] <= truth <= newcombe["high"]
        hits["bootstrap"] += bootstrap["low"] <= truth <= bootstrap["high"]
    for name, count in hits.items():
        assert 0.915 <= count / 300 <= 0.985, name


def test_clusters_widen_the_interval() -> None:
    rng = np.random.default_rng(3)
    effect = rng.normal(size=30).repeat(10)  # ten attacks on one seed share its effect
    before, after = [0.0] * 300, (effect + 0.1 * rng.normal(size=300)).tolist()
    clusters = [f"seed {i}" for i in range(30) for _ in range(10)]
    alone = paired_bootstrap(before, after)
    together = paired_bootstrap(before, after, clusters)
    assert alone["value"] == pytest.approx(together["value"])
    width = [found["high"] - found["low"] for found in (alone, together)]
    assert width[1] > 2 * width[0]


def tango(lost: int, gained: int, n: int) -> list[float]:
    """The limits of Tango's score interval (1998), by searching for z of his statistic."""

    def statistic(delta: float) -> float:
        b = -gained - lost + (2 * n - gained + lost) * delta
        root = max(0.0, b * b + 8 * n * lost * delta * (1 - delta))
        q = (sqrt(root) - b) / (4 * n)
        return (gained - lost - n * delta) / sqrt(max(1e-300, n * (2 * q + delta * (1 - delta))))

    grid = np.linspace(-1, 1, 200_001)[1:-1]
    inside = [delta for delta in grid if abs(statistic(delta)) <= 1.959964]
    return [inside[0], inside[-1]]


@pytest.mark.parametrize(("gained", "n"), [(0, 5), (0, 20), (20, 20)])
def test_clusters_that_agree_exactly_are_not_certainty(gained: int, n: int) -> None:
    """Four attempts on each seed count as one: the interval is Tango's for n pairs."""
    before, after = [False] * 4 * n, [bool(gained)] * 4 * n
    clusters = [f"seed {i}" for i in range(n) for _ in range(4)]
    found = paired_bootstrap(before, after, clusters, within=(0.0, 1.0))
    assert (found["value"], found["n"]) == (gained / n, 4 * n)
    assert [found["low"], found["high"]] == pytest.approx(tango(0, gained, n), abs=2e-5)
    mirror = paired_bootstrap(after, before, clusters, within=(0.0, 1.0))
    assert [-mirror["high"], -mirror["low"]] == pytest.approx([found["low"], found["high"]])


def test_agreement_is_of_clusters_and_their_reach_is_told() -> None:
    before, after = [0.0, 1.0] * 6, [1.0, 0.0] * 6  # each seed gains one and loses one
    clusters = [i // 2 for i in range(12)]
    found = paired_bootstrap(before, after, clusters, within=(0.0, 1.0))
    assert found["value"] == 0
    assert found["high"] == -found["low"] == pytest.approx(wilson(0, 6)[1])
    points = paired_bootstrap(before, after, clusters, within=(0.0, 10.0))
    assert points["high"] == pytest.approx(10 * found["high"])
    unknown = paired_bootstrap(before, after, clusters)
    assert (unknown["value"], unknown["low"], unknown["high"]) == (0, None, None)
    alone = paired_bootstrap([1.0] * 4, [1.0] * 4, ["one"] * 4, within=(0.0, 1.0))
    assert alone["high"] == pytest.approx(wilson(0, 1)[1])  # one seed shows next to nothing
    moved = paired_bootstrap([*before, 0.0], [*after, 1.0], [*clusters, 99], within=(0.0, 1.0))
    assert moved["low"] < moved["value"] < moved["high"] < 1  # they no longer agree


def test_the_bootstrap_is_reproducible() -> None:
    before, after = np.random.default_rng(0).normal(size=(2, 40)).tolist()
    assert paired_bootstrap(before, after, seed=1) == paired_bootstrap(before, after, seed=1)
    assert paired_bootstrap(before, after, seed=1) != paired_bootstrap(before, after, seed=2)


@given(st.lists(st.sampled_from([True, False, None]), max_size=60))
def test_shares_of_single_trials_are_a_rate(values: list[bool | None]) -> None:
    shares = [None if value is None else float(value) for value in values]
    n = sum(value is not None for value in values)
    assert mean_share(shares, n) == pytest.approx(rate(values))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_interval_of_shares_lies_between_those_of_units_and_of_trials(counts: list[int]) -> None:
    found = mean_share([count / 4 for count in counts], trials=4 * len(counts))
    total = sum(counts)
    narrow = wilson(total, 4 * len(counts))
    assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1
    assert found["value"] == pytest.approx(total / (4 * len(counts)))
    assert found["high"] - found["low"] >= narrow[1] - narrow[0] - 1e-12


@pytest.mark.parametrize("n", [2, 4, 8])
def test_few_clusters_claim_no_more_than_they_know(n: int) -> None:
    draw = np.random.default_rng(0)
    held = 0
    for _ in range(600):
        counts = draw.binomial(8, draw.beta(0.5, 0.5, size=n))
        found = mean_share([count / 8 for count in counts], trials=8 * n)
        held += found["low"] <= 0.5 <= found["high"]
    assert held / 600 > 0.92
    one = mean_share([0.5], trials=10)
    assert one == pytest.approx({"value": 0.5, "low": 0.054621, "high": 0.945379, "n": 1,
                                 "unscored": 0}, abs=1e-6)  # fmt: skip


def test_shares_of_clusters_are_covered() -> None:
    """95% intervals hold the truth in about 95% of draws, clustered or not; naive ones do not."""
    draw = np.random.default_rng(0)
    a, b, n, k = 0.6, 1.4, 60, 4  # per-seed rates vary much: mean 0.3
    held = naive = 0
    for _ in range(600):
        counts = draw.binomial(k, draw.beta(a, b, size=n))
        found = mean_share([count / k for count in counts], trials=n * k)
        held += found["low"] <= 0.3 <= found["high"]
        low, high = wilson(int(counts.sum()), n * k)
        naive += low <= 0.3 <= high
    assert held / 600 > 0.93
    assert naive / 600 < 0.90
