"""Student's t: its distribution and its quantiles."""

from __future__ import annotations

from functools import lru_cache
from math import atan, exp, lgamma, pi, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_NORMAL: Final = 100_000  # degrees of freedom from which on it is one, to five digits


@lru_cache(maxsize=4096)
def t_quantile(p: float, df: float) -> float:
    """Return the quantile `p` of Student's t with `df` degrees of freedom, whole or not.

    By bisection of the distribution function, to nine digits.

    Raises:
        ValueError: not 0 < p < 1 or df < 1.
    """
    if not 0 < p < 1 or df < 1:
        raise ValueError(f"need 0 < p < 1 and df >= 1, got {p} and {df}")
    if p < 0.5:
        return -t_quantile(1 - p, df)
    if df > _NORMAL:
        return NormalDist().inv_cdf(p)
    low, high = 0.0, 1.0
    while t_within(high, df) < 2 * p - 1:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if t_within(middle, df) < 2 * p - 1 else (low, middle)
    return (low + high) / 2


def t_within(t: float, df: float) -> float:
    """Return P(−t < T < t) of Student's t with `df` degrees of freedom, whole or not.

    With t = √df tan θ its density is in proportion to cos(θ)^(df − 1) (Abramowitz and Stegun
    26.7.3): smooth, so that Gauss's rule is as good as exact.
    """
    end = atan(t / sqrt(df))
    area = end / 2 * float(_WEIGHTS @ np.cos(end / 2 * (_NODES + 1)) ** (df - 1))
    return 2 * exp(lgamma((df + 1) / 2) - lgamma(df / 2)) / sqrt(pi) * area
