"""What could have been seen: the smallest true difference that a test over run seeds would find.

The test is the one that is reported: Student's on the differences of runs paired by their seed
(`replicates.student_p`). It speaks of other run seeds on these very questions, so the spread
between questions is no part of it; what other questions would say is a statement of its own.
"""

from __future__ import annotations

from functools import lru_cache
from math import lgamma, log, sqrt
from statistics import NormalDist
from typing import TypedDict

import numpy as np

from advgame.metrics.intervals import SAME, Difference
from advgame.metrics.replicates import (
    Floats,
    Outcomes,
    mean_over_runs,
    paired_differences,
)
from advgame.metrics.student import t_quantile

_NODES = 20_001  # of the integral over the spread that a test sees


class Detectable(TypedDict):
    """The smallest true difference that would be found, and the test that would find it."""

    difference: float | None
    runs: int
    prompts: int
    size: float  # of the two-sided test
    sd: float | None  # of a run's difference on so many questions


def detectable(
    before: Outcomes,
    after: Outcomes,
    *,
    runs: int | None = None,
    prompts: int | None = None,
    power: float = 0.8,
    size: float = 0.05,
) -> Detectable:
    """Return the smallest true difference on these questions that Student's test would find.

    With N runs that is `reach` standard errors of √((σ²_runs + σ²_rest/M) / N). Both variances are
    those of the runs there are (two-way analysis of variance): between runs, and of single answers
    when runs and questions are accounted for. As estimates of a few runs they are rough.

    Args:
        before: outcomes, a row a run and a column a question; None = unscored.
        after: the same runs and questions under the other scheme.
        runs: N; None = as many as there are.
        prompts: M; None = as many as there are.
        power: chance to find it.
        size: of the two-sided test; α/m is Holm's first step of m tests.

    Returns:
        `difference` and `sd` are None with fewer than two runs or questions, or where no run
        differs from another in any answer.

    Raises:
        ValueError: the shapes differ.
    """
    found = paired_differences(before, after)
    found = found[:, ~np.isnan(found).any(axis=0)]  # the questions scored everywhere
    have_runs, have_prompts = found.shape
    n, m = runs or have_runs, prompts or have_prompts
    none = Detectable(difference=None, runs=n, prompts=m, size=size, sd=None)
    if have_runs < 2 or have_prompts < 2 or n < 2:
        return none
    by_run, by_prompt = found.mean(axis=1), found.mean(axis=0)
    rest = found - by_run[:, None] - by_prompt[None, :] + found.mean()
    of_rest = float((rest**2).sum()) / ((have_runs - 1) * (have_prompts - 1))
    of_runs = max(0.0, float(by_run.var(ddof=1)) - of_rest / have_prompts)
    sd = sqrt(of_runs + of_rest / m)
    if sd < SAME:
        return none
    difference = reach(n - 1, size, power) * sd / sqrt(n)
    return Detectable(difference=difference, runs=n, prompts=m, size=size, sd=sd)


def over_questions(before: Outcomes, after: Outcomes, level: float = 0.95) -> Difference:
    """Return mean(after − before) with Student's interval over questions, each its mean over runs.

    It is the sampling of questions: what others of the kind would say of these very runs. The
    arguments are those of `detectable`.

    Raises:
        ValueError: the shapes differ.
    """
    found = paired_differences(before, after)
    columns = (column[~np.isnan(column)] for column in found.T)
    return mean_over_runs([float(each.mean()) if len(each) else None for each in columns], level)


@lru_cache
def reach(df: int, size: float, power: float) -> float:
    """Return the true difference, in standard errors, that Student's test finds with `power`.

    Args:
        df: degrees of freedom of the test.
        size: of the two-sided test.
        power: above `size`, below 1.
    """
    low, high = 0.0, 1.0
    while power_of(high, df, size) < power:
        high *= 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if power_of(middle, df, size) < power else (low, middle)
    return (low + high) / 2


def power_of(difference: float, df: int, size: float) -> float:
    """Return the chance that Student's two-sided test finds a true difference.

    P(|T| > t) of the noncentral t: the normal probability given how large a standard error the test
    sees, integrated over that one's chi distribution.

    Args:
        difference: in standard errors.
        df: degrees of freedom.
        size: of the test.
    """
    critical = t_quantile(1 - size / 2, df)
    seen = np.linspace(0.0, 1 + 9 / sqrt(df), _NODES)  # standard errors, in true ones
    constant = log(2) + df / 2 * log(df / 2) - lgamma(df / 2)
    density = np.exp(constant - df / 2 * seen**2) * seen ** (df - 1)
    beyond = _normal(difference - critical * seen) + _normal(-difference - critical * seen)
    return float(np.trapezoid(density * beyond, seen))


def _normal(z: Floats) -> Floats:
    """The normal distribution function, off a table: 1e-8 is near enough."""
    at, values = _table()
    return np.interp(z, at, values)


@lru_cache
def _table() -> tuple[Floats, Floats]:
    at = np.linspace(-9.0, 9.0, 20_001)
    return at, np.array([NormalDist().cdf(float(each)) for each in at])
