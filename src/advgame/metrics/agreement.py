"""Whether two sources of verdicts agree: a judge and people, or two judges. Exact, from values.

Scores and labels run in parallel sequences. A statistic that has no value (one class only, a
constant series) is None, never a 0.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from math import sqrt
from statistics import NormalDist
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from advgame.metrics.intervals import Difference, wilson

Array = NDArray[Any]
Statistic = Callable[..., float | None]

RESAMPLES = 1_000
_SAME = 1e-12  # smaller differences are those of rounding


class Confusion(TypedDict):
    """Counts of two yes-or-no sources; for a judge against labels the first is the judge."""

    both: int
    first_only: int
    second_only: int
    neither: int


class Bin(TypedDict):
    """One bin of a calibration curve: what was said, and the share that was so (95%)."""

    said: float
    share: float
    low: float
    high: float
    n: int


def confusion(first: Sequence[bool], second: Sequence[bool]) -> Confusion:
    """Count how two sources decided on the same items.

    Raises:
        ValueError: the lengths differ.
    """
    pairs = list(zip(first, second, strict=True))
    return Confusion(
        both=sum(a and b for a, b in pairs),
        first_only=sum(a and not b for a, b in pairs),
        second_only=sum(b and not a for a, b in pairs),
        neither=sum(not a and not b for a, b in pairs),
    )


def auc(scores: Array, labels: Array) -> float | None:
    """Probability that a yes scores above a no, ties counted half (Mann-Whitney)."""
    yes, no = scores[labels > 0], scores[labels <= 0]
    if not len(yes) or not len(no):
        return None
    ranks = _ranks(np.concatenate([yes, no]))
    above = ranks[: len(yes)].sum() - len(yes) * (len(yes) + 1) / 2
    return float(above / (len(yes) * len(no)))


def accuracy(said: Array, labels: Array) -> float | None:
    """Share of equal decisions."""
    return float((said == labels).mean()) if len(said) else None


def balanced_accuracy(said: Array, labels: Array) -> float | None:
    """Mean of the shares right among the yes and among the no: 0.5 for a constant judge."""
    yes, no = said[labels > 0], said[labels <= 0]
    if not len(yes) or not len(no):
        return None
    return float(((yes > 0).mean() + (no <= 0).mean()) / 2)


def kappa(first: Array, second: Array) -> float | None:
    """Cohen's κ of two yes-or-no sources (Cohen 1960); None where chance alone explains all."""
    if not len(first):
        return None
    x, y = first.mean(), second.mean()
    chance = x * y + (1 - x) * (1 - y)
    return float(((first == second).mean() - chance) / (1 - chance)) if chance < 1 else None


def correlation(first: Array, second: Array) -> float | None:
    """Spearman's rank correlation; None where one side does not vary."""
    return _pearson(_ranks(first), _ranks(second)) if len(first) > 1 else None


def correlation_within(values: Array, scores: Array, labels: Array) -> float | None:
    """Rank correlation of `values` with `scores` at a fixed label: ranks within each class.

    What is left of the relation of, say, length and score when right and wrong replies differ in
    length: the pooled correlation of ranks taken, and centred, inside each class of `labels`.
    """
    left, right = np.zeros(len(values)), np.zeros(len(values))
    for label in np.unique(labels):
        inside = labels == label
        for out, series in ((left, values), (right, scores)):
            ranks = _ranks(series[inside])
            out[inside] = (ranks - ranks.mean()) / len(ranks)
    return _pearson(left, right)


def calibration(
    said: Sequence[float], so: Sequence[bool], bins: int = 10
) -> tuple[float | None, list[Bin]]:
    """Expected calibration error (Naeini et al. 2015) and its curve.

    Args:
        said: Probabilities 0–1.
        so: What was the case.
        bins: Bins of equal width; empty ones are left out.

    Returns:
        (mean over the items of |said − share| of their bin, the bins in order)
    """
    p, y = np.asarray(said, float), np.asarray(so, float)
    places = np.minimum((p * bins).astype(int), bins - 1)
    curve = []
    for place in np.unique(places):
        inside = places == place
        n, hits = int(inside.sum()), int(y[inside].sum())
        low, high = wilson(hits, n)
        curve.append(Bin(said=float(p[inside].mean()), share=hits / n, low=low, high=high, n=n))
    if not curve:
        return None, []
    return sum(b["n"] * abs(b["said"] - b["share"]) for b in curve) / len(p), curve


def estimate(
    statistic: Statistic,
    columns: Sequence[Sequence[float]],
    clusters: Sequence[Hashable],
    level: float = 0.95,
) -> Difference:
    """Return `statistic(*columns)` with a percentile interval over resampled clusters.

    Items of one cluster (replies to one request) are drawn together. Resamples in which the
    statistic has no value are left out. No interval (None) where all agree, as they do where a
    judge makes no mistake: that shows no spread, which is no certainty. Deterministic.

    Raises:
        ValueError: the lengths differ.
    """
    table = [np.asarray(column, float) for column in columns]
    n = len(clusters)
    if any(len(column) != n for column in table):
        raise ValueError("columns and clusters differ in length")
    value = statistic(*table) if n else None
    if value is None:
        return Difference(value=None, low=None, high=None, n=n)
    rows: dict[Hashable, list[int]] = {}
    for index, name in enumerate(clusters):
        rows.setdefault(name, []).append(index)
    groups = [np.array(row) for row in rows.values()]
    rng = np.random.default_rng(0)
    found = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))])
        again = statistic(*(column[drawn] for column in table))
        if again is not None:
            found.append(again)
    if not found:
        return Difference(value=value, low=None, high=None, n=n)
    if max(found) - min(found) < _SAME:
        return Difference(value=value, low=None, high=None, n=n)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Difference(value=value, low=float(low), high=float(high), n=n)


def kappa_of(table: Confusion, level: float = 0.95) -> Difference:
    """Cohen's κ of counts with the large-sample interval of Fleiss, Cohen & Everitt (1969).

    The interval is that of the counts with ½ added to each, so that perfect agreement on a few
    items is not taken for certainty.
    """
    counts = (table["both"], table["first_only"], table["second_only"], table["neither"])
    n = sum(counts)
    value = _kappa(counts)[0] if n else None
    if value is None:
        return Difference(value=None, low=None, high=None, n=n)
    padded = tuple(count + 0.5 for count in counts)
    centre, error = _kappa(padded)
    assert centre is not None  # no cell is empty
    spread = NormalDist().inv_cdf((1 + level) / 2) * error
    return Difference(
        value=value,
        low=max(-1.0, min(value, centre - spread)),
        high=min(1.0, max(value, centre + spread)),
        n=n,
    )


def _kappa(counts: Sequence[float]) -> tuple[float | None, float]:
    """κ and its standard error."""
    n = sum(counts)
    yy, yn, ny, nn = (count / n for count in counts)
    first, second = (yy + yn, ny + nn), (yy + ny, yn + nn)
    chance = first[0] * second[0] + first[1] * second[1]
    if chance >= 1:
        return None, 0.0
    k = (yy + nn - chance) / (1 - chance)
    same = sum(p * (1 - (first[i] + second[i]) * (1 - k)) ** 2 for i, p in ((0, yy), (1, nn)))
    other = (1 - k) ** 2 * (yn * (second[0] + first[1]) ** 2 + ny * (second[1] + first[0]) ** 2)
    variance = (same + other - (k - chance * (1 - k)) ** 2) / (n * (1 - chance) ** 2)
    return k, sqrt(max(0.0, variance))


def _ranks(values: Array) -> Array:
    """Ranks from 1, ties at their mean."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Array = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranks


def _pearson(first: Array, second: Array) -> float | None:
    x, y = first - first.mean(), second - second.mean()
    scale = sqrt(float((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / scale) if scale else None
