"""Means of samples that are known by their size, mean and spread alone, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TypedDict

import numpy as np

from advgame.metrics.intervals import Difference
from advgame.metrics.student import t_quantile


class Moments(TypedDict):
    """What the interval of a mean needs to know of a sample."""

    n: int
    mean: float
    sd: float  # of the sample, with n − 1


def moments(values: Sequence[float]) -> Moments:
    """Return size, mean and standard deviation (0 for a single value).

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("no values")
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Moments(n=len(values), mean=float(np.mean(values)), sd=spread)


def pooled(parts: Sequence[Moments]) -> Moments:
    """Return the moments of several samples thrown together."""
    n = sum(part["n"] for part in parts)
    mean = sum(part["n"] * part["mean"] for part in parts) / n
    squares = sum(
        (part["n"] - 1) * part["sd"] ** 2 + part["n"] * (part["mean"] - mean) ** 2 for part in parts
    )
    return Moments(n=n, mean=mean, sd=sqrt(squares / (n - 1)) if n > 1 else 0.0)


def mean_interval(sample: Moments, level: float = 0.95) -> tuple[float, float]:
    """Return Student's interval of a mean; the mean alone where one value says nothing more."""
    if sample["n"] < 2:
        return sample["mean"], sample["mean"]
    spread = t_quantile((1 + level) / 2, sample["n"] - 1) * sample["sd"] / sqrt(sample["n"])
    return sample["mean"] - spread, sample["mean"] + spread


def mean_difference(before: Moments, after: Moments, level: float = 0.95) -> Difference:
    """Return mean(after) − mean(before) of two independent samples, with Welch's interval.

    No interval (None) with fewer than two values on a side.
    """
    value, n = after["mean"] - before["mean"], before["n"] + after["n"]
    errors = [part["sd"] ** 2 / part["n"] for part in (before, after)]
    if min(before["n"], after["n"]) < 2:
        return Difference(value=value, low=None, high=None, n=n)
    total = sum(errors)
    shares = [e / total for e in errors] if total else []  # squares of e may underflow
    freedom = (
        1.0 / sum(e**2 / (part["n"] - 1) for e, part in zip(shares, (before, after), strict=True))
        if shares
        else n - 2.0
    )
    spread = t_quantile((1 + level) / 2, max(freedom, 1.0)) * sqrt(total)
    return Difference(value=value, low=value - spread, high=value + spread, n=n)
