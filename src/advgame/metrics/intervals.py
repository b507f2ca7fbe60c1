"""Rates with their uncertainty: what may be claimed from n yes-or-no outcomes.

All intervals are two-sided 95% unless told otherwise. An outcome of None (the judge failed) is
never counted as a yes or a no: it is left out and reported as `unscored`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from math import sqrt
from statistics import NormalDist
from typing import TypedDict

import numpy as np

from advgame.metrics.student import t_quantile

SAME = 1e-12  # smaller differences are those of rounding


class Rate(TypedDict):
    """A share of yes outcomes; None where there was no scored outcome."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int


class Difference(TypedDict):
    """After minus before, over the `n` pairs scored on both sides."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def rate(values: Sequence[bool | None], level: float = 0.95) -> Rate:
    """Return the share of True among the scored `values`, with its Wilson interval."""
    scored = [value for value in values if value is not None]
    n, unscored = len(scored), len(values) - len(scored)
    if n == 0:
        return Rate(value=None, low=None, high=None, n=0, unscored=unscored)
    low, high = wilson(sum(scored), n, level)
    return Rate(value=sum(scored) / n, low=low, high=high, n=n, unscored=unscored)


def any_success(outcomes: Sequence[bool | None]) -> bool | None:
    """Whether one of several attempts on a seed succeeded; None where one of them is unscored.

    Also where another succeeded: were only the seeds left out that may be failures, the share of
    successes among those that stay would be too high.
    """
    return None if None in outcomes else True in outcomes


def known_success(outcomes: Sequence[bool | None]) -> bool | None:
    """Whether one of several attempts on a seed is known to have succeeded.

    A success counts, whatever could not be scored beside it: for what was found. A rate of it errs
    to the high side where attempts are unscored.
    """
    return True if True in outcomes else any_success(outcomes)


def by_seed(
    rows: Sequence[tuple[str, int, bool | None]],
    attempts: int | None = None,
    one_of: Callable[[Sequence[bool | None]], bool | None] = any_success,
) -> Rate:
    """The share of seeds on which one of the first `attempts` succeeded; None = of all.

    Args:
        rows: (seed, attempt, outcome).
        attempts: how many attempts a seed count.
        one_of: what several outcomes of a seed come to.
    """
    found: dict[str, list[bool | None]] = {}
    for seed, attempt, outcome in rows:
        if attempts is None or attempt < attempts:
            found.setdefault(seed, []).append(outcome)
    return rate([one_of(outcomes) for outcomes in found.values()])


def mean_share(shares: Sequence[float | None], trials: int, level: float = 0.95) -> Rate:
    """Return the mean of `shares`, one an independent unit, with Wilson's interval.

    For outcomes that come in clusters: of several attacks on a seed the share that succeeded is
    one value. The interval is Wilson's at the effective sample size p(1 − p) / Var(mean), which
    says how many independent outcomes would tell as much (Kish 1965), times (z / t)² with n − 1
    degrees of freedom for a variance that few units tell (Korn and Graubard 1998, Surv. Methodol.
    24:193; Franco et al. 2019, J. Surv. Stat. Methodol. 7:334, compare such intervals). A unit
    tells at least as much as one outcome, so it is `rate` where every share is 0 or 1.

    Args:
        shares: A value of [0, 1] a unit; None = unscored.
        trials: How many outcomes the shares summarise: the effective size is at most that.
        level: Coverage.
    """
    scored = np.array([share for share in shares if share is not None], dtype=float)
    n, unscored = len(scored), len(shares) - len(scored)
    if n == 0:
        return Rate(value=None, low=None, high=None, n=0, unscored=unscored)
    p = float(scored.mean())
    certain = p * (1 - p)
    size = float(n)  # of units that all agree on 0 or 1, or of one alone, no more is known
    if n > 1 and certain:
        variance = float(scored.var(ddof=1)) / n
        few = (_z(level) / t_quantile((1 + level) / 2, n - 1)) ** 2
        size = max(size, min(few * certain / variance, trials) if variance else float(trials))
    low, high = _score_interval(p, size, level)
    return Rate(value=p, low=low, high=high, n=n, unscored=unscored)


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval for a share (Wilson 1927).

    Unlike p ± z·SE it stays in [0, 1], and is not empty at 0 or n successes.

    Raises:
        ValueError: not 0 ≤ successes ≤ n with n ≥ 1.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"need 0 <= successes <= n and n >= 1, got {successes} of {n}")
    return _score_interval(successes / n, n, level)


def _score_interval(p: float, n: float, level: float) -> tuple[float, float]:
    z = _z(level)
    centre = p + z * z / (2 * n)
    spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if p == 0 else (centre - spread) / scale
    high = 1.0 if p == 1 else (centre + spread) / scale
    return low, high


def paired_difference(
    before: Sequence[bool | None], after: Sequence[bool | None], level: float = 0.95
) -> Difference:
    """Return rate(after) − rate(before) on the same questions, with its interval.

    Newcombe's square-and-add interval for paired shares (Newcombe 1998, Stat. Med. 17:2635,
    method 10; recommended by Fagerland et al. 2014). It uses that the same question was asked
    twice, and is not empty where no answer changed, as the bootstrap's is.

    Args:
        before: Outcomes by question; None = unscored.
        after: Outcomes of the same questions in the same order.
        level: Coverage.

    Raises:
        ValueError: the lengths differ.
    """
    pairs = _scored_pairs(before, after)
    n = len(pairs)
    if n == 0:
        return Difference(value=None, low=None, high=None, n=0)
    both = sum(b and a for b, a in pairs)
    lost = sum(b and not a for b, a in pairs)
    gained = sum(a and not b for b, a in pairs)
    was, now = (both + lost) / n, (both + gained) / n
    was_low, was_high = wilson(both + lost, n, level)
    now_low, now_high = wilson(both + gained, n, level)
    phi = _correlation(both, lost, gained, n - both - lost - gained)
    value = now - was
    down, up = now - now_low, was_high - was
    low = value - sqrt(max(0.0, down**2 - 2 * phi * down * up + up**2))
    up, down = now_high - now, was - was_low
    high = value + sqrt(max(0.0, up**2 - 2 * phi * up * down + down**2))
    return Difference(value=value, low=max(-1.0, low), high=min(1.0, high), n=n)


def paired_bootstrap(
    before: Sequence[float | None],
    after: Sequence[float | None],
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = 10_000,
    within: tuple[float, float] | None = None,
) -> Difference:
    """Return mean(after) − mean(before) on the same questions, with a percentile interval.

    For scores, or for outcomes that come in clusters (several attacks on one seed): whole
    clusters are drawn, so that answers to one seed do not count as independent. For plain
    yes-or-no outcomes use `paired_difference`.

    Where all clusters have the same mean difference there is nothing to draw from: of n agreeing
    ones at most Wilson's limit of 0 in n are taken to be unlike them, and those to differ as much
    as `within` allows. Of 0/1 outcomes that is Tango's score interval for paired shares (1998,
    Stat. Med. 17:891), a cluster counting as one pair.

    Args:
        before: Values by question; None = unscored.
        after: Values of the same questions in the same order.
        clusters: Which cluster each question belongs to; None = each its own.
        seed: The same seed gives the same interval.
        level: Coverage.
        resamples: Bootstrap samples.
        within: Least and largest value there can be; without it no interval (None) where all
            clusters agree.

    Raises:
        ValueError: the lengths differ.
    """
    if clusters is not None and len(clusters) != len(before):
        raise ValueError(f"{len(clusters)} cluster names for {len(before)} questions")
    names: Sequence[Hashable] = range(len(before)) if clusters is None else clusters
    grouped: dict[Hashable, list[float]] = defaultdict(list)
    for name, b, a in zip(names, before, after, strict=True):
        if b is not None and a is not None:
            grouped[name].append(float(a) - float(b))
    n = sum(map(len, grouped.values()))
    if n == 0:
        return Difference(value=None, low=None, high=None, n=0)
    sums = np.array([sum(group) for group in grouped.values()])
    sizes = np.array([len(group) for group in grouped.values()])
    value = float(sums.sum() / n)
    if np.ptp(sums / sizes) < SAME:
        return _agreeing(value, n, len(sums), within, level)
    draws = np.random.default_rng(seed).multinomial(
        len(sums), np.full(len(sums), 1 / len(sums)), size=resamples
    )  # [resamples, clusters]: how often each cluster was drawn
    low, high = np.quantile(draws @ sums / (draws @ sizes), [(1 - level) / 2, (1 + level) / 2])
    return Difference(value=value, low=float(low), high=float(high), n=n)


def _agreeing(
    value: float, n: int, clusters: int, within: tuple[float, float] | None, level: float
) -> Difference:
    if within is None:
        return Difference(value=value, low=None, high=None, n=n)
    most, unlike = within[1] - within[0], wilson(0, clusters, level)[1]
    low, high = value - unlike * (most + value), value + unlike * (most - value)
    return Difference(value=value, low=low, high=high, n=n)


def _scored_pairs(
    before: Sequence[bool | None], after: Sequence[bool | None]
) -> list[tuple[bool, bool]]:
    return [(b, a) for b, a in zip(before, after, strict=True) if b is not None and a is not None]


def _correlation(both: int, lost: int, gained: int, neither: int) -> float:
    """Newcombe's φ of the 2 × 2 table, with his continuity correction where it is positive."""
    margins = (both + lost) * (gained + neither) * (both + gained) * (lost + neither)
    if margins == 0:
        return 0.0
    n = both + lost + gained + neither
    excess: float = both * neither - lost * gained
    if excess > 0:
        excess = max(0.0, excess - n / 2)
    return excess / sqrt(margins)


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)
