"""What several run seeds say: means over runs, paired differences, and what could have been seen.

One run says what one run did. A claim about a scheme is a claim about runs not yet made, so its
interval has to carry the spread between runs beside that between prompts. Runs of two schemes
with the same run seed are pairs, and so are answers to the same prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import atan, cos, pi, sin, sqrt
from statistics import NormalDist, fmean, stdev
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from advgame.metrics.intervals import Difference

Outcomes = Sequence[Sequence[float | None]]  # a row a run, a column a prompt; None = unscored
Floats = NDArray[np.float64]
_SAME = 1e-12  # smaller differences are those of rounding


class Detectable(TypedDict):
    """The smallest true difference that would be found, and what limits it."""

    difference: float | None
    runs: int
    prompts: int
    sd_runs: float | None  # between runs of the same pair of schemes
    sd_prompts: float | None  # between prompts
    sd_rest: float | None  # of one answer, runs and prompts apart


def mean_over_runs(values: Sequence[float | None], level: float = 0.95) -> Difference:
    """Return the mean of a figure over runs with Student's interval.

    The runs are the sample: it speaks of other run seeds on these very prompts. No interval (None)
    for one run, or for several that agree exactly: they show no spread, which is no certainty.
    """
    known = [value for value in values if value is not None]
    if not known:
        return Difference(value=None, low=None, high=None, n=0)
    mean, n = fmean(known), len(known)
    if n == 1 or (spread := stdev(known)) < _SAME:
        return Difference(value=mean, low=None, high=None, n=n)
    half = t_quantile((1 + level) / 2, n - 1) * spread / sqrt(n)
    return Difference(value=mean, low=mean - half, high=mean + half, n=n)


def paired_over_runs(
    before: Sequence[float | None], after: Sequence[float | None], level: float = 0.95
) -> Difference:
    """Return mean(after − before) over runs paired by their seed, with Student's interval.

    Raises:
        ValueError: the lengths differ.
    """
    pairs = zip(before, after, strict=True)
    return mean_over_runs(
        [None if b is None or a is None else a - b for b, a in pairs], level=level
    )


def student_p(difference: Difference, level: float = 0.95) -> float | None:
    """Return the two-sided p value of a difference of `paired_over_runs` at the same `level`.

    None where it has no interval.
    """
    value, high, runs = difference["value"], difference["high"], difference["n"]
    if value is None or high is None:
        return None
    error = (high - value) / t_quantile((1 + level) / 2, runs - 1)
    return 1 - _within(abs(value) / error, runs - 1)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p values made larger for being several (Holm 1979), in the order they came.

    Below α a name may be called different and, of all that are called so, the chance that any is
    not stays below α, however the comparisons depend on each other.
    """
    found: dict[str, float] = {}
    least = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda each: p_values[each])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[name]))
        found[name] = least
    return {name: found[name] for name in p_values}


def crossed_bootstrap(
    before: Outcomes,
    after: Outcomes,
    *,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = 10_000,
) -> Difference:
    """Return mean(after) − mean(before) with an interval over runs and prompts at once.

    Runs and prompts are drawn anew independently of each other (Owen 2007, "The pigeonhole
    bootstrap"): all answers of a run, and all answers to a prompt, come or stay away together.
    With fewer than five or so runs a percentile interval is too narrow; see `paired_over_runs`.
    No interval (None) for one run, which does not show how far two are apart, nor where all
    differences are equal, as they are where no answer changed.

    Args:
        before: outcomes, a row a run and a column a prompt; None = unscored.
        after: the same runs and prompts under the other scheme.
        seed: the same seed gives the same interval.
        level: coverage.
        resamples: bootstrap samples.

    Raises:
        ValueError: the shapes differ.
    """
    found = _differences(before, after)
    known = ~np.isnan(found)
    n = int(known.sum())
    if n == 0:
        return Difference(value=None, low=None, high=None, n=0)
    runs, prompts = found.shape
    filled = np.where(known, found, 0.0)
    rng = np.random.default_rng(seed)
    of_runs = rng.multinomial(runs, np.full(runs, 1 / runs), size=resamples)
    of_prompts = rng.multinomial(prompts, np.full(prompts, 1 / prompts), size=resamples)
    sums = ((of_runs @ filled) * of_prompts).sum(axis=1)
    counts = ((of_runs @ known.astype(np.float64)) * of_prompts).sum(axis=1)
    means = sums[counts > 0] / counts[counts > 0]
    value = float(filled.sum() / n)
    if runs == 1 or np.ptp(found[known]) < _SAME:
        return Difference(value=value, low=None, high=None, n=n)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Difference(value=value, low=float(low), high=float(high), n=n)


def detectable(
    before: Outcomes,
    after: Outcomes,
    *,
    runs: int | None = None,
    prompts: int | None = None,
    power: float = 0.8,
    level: float = 0.95,
) -> Detectable:
    """Return the smallest true difference that a two-sided test would find with this `power`.

    The spread of the paired differences is taken apart into that between runs, that between
    prompts and the rest (two-way analysis of variance, runs and prompts random); the standard
    error of N runs and M prompts is √(σ²_runs/N + σ²_prompts/M + σ²_rest/(NM)), and the smallest
    difference (t₀.₉₇₅ + t₀.₈) of them with N − 1 degrees of freedom.

    Args:
        before: as for `crossed_bootstrap`.
        after: likewise.
        runs: N; None = as many as there are.
        prompts: M; None = as many as there are.
        power: chance to find it.
        level: one minus the size of the test.

    Returns:
        `difference` and the spreads are None with fewer than two runs or prompts, or where all
        differences are equal.

    Raises:
        ValueError: the shapes differ.
    """
    found = _differences(before, after)
    found = found[:, ~np.isnan(found).any(axis=0)]  # the prompts scored everywhere
    have_runs, have_prompts = found.shape
    n, m = runs or have_runs, prompts or have_prompts
    if have_runs < 2 or have_prompts < 2 or n < 2 or np.ptp(found) < _SAME:
        return Detectable(
            difference=None, runs=n, prompts=m, sd_runs=None, sd_prompts=None, sd_rest=None
        )
    of_runs, of_prompts, rest = _components(found)
    error = sqrt(of_runs / n + of_prompts / m + rest / (n * m))
    reach = t_quantile((1 + level) / 2, n - 1) + t_quantile(power, n - 1)
    return Detectable(
        difference=reach * error,
        runs=n,
        prompts=m,
        sd_runs=sqrt(of_runs),
        sd_prompts=sqrt(of_prompts),
        sd_rest=sqrt(rest),
    )


def t_quantile(p: float, df: int) -> float:
    """Return the quantile `p` of Student's t with `df` degrees of freedom.

    By bisection of the distribution function, which has a closed form for whole numbers of them
    (Abramowitz and Stegun 26.7.3, 26.7.4).

    Raises:
        ValueError: not 0 < p < 1 or df < 1.
    """
    if not 0 < p < 1 or df < 1:
        raise ValueError(f"need 0 < p < 1 and df >= 1, got {p} and {df}")
    if p < 0.5:
        return -t_quantile(1 - p, df)
    if df > 1000:
        return NormalDist().inv_cdf(p)
    low, high = 0.0, 1.0
    while _within(high, df) < 2 * p - 1:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, df) < 2 * p - 1 else (low, middle)
    return (low + high) / 2


def _within(t: float, df: int) -> float:
    """P(−t < T < t)."""
    angle = atan(t / sqrt(df))
    odd = df % 2
    term, total = (cos(angle), 0.0) if odd else (1.0, 0.0)
    for k in range(1 + odd, df, 2):  # odd: cos + 2/3 cos³ + …; even: 1 + 1/2 cos² + …
        total += term
        term *= cos(angle) ** 2 * k / (k + 1)
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total


def _differences(before: Outcomes, after: Outcomes) -> Floats:
    first, second = _matrix(before), _matrix(after)
    if first.shape != second.shape:
        raise ValueError(f"outcomes of shapes {first.shape} and {second.shape} are no pairs")
    return second - first


def _matrix(outcomes: Outcomes) -> Floats:
    lengths = {len(row) for row in outcomes}
    if len(lengths) > 1:
        raise ValueError(f"runs with different numbers of prompts: {sorted(lengths)}")
    rows = [[np.nan if value is None else float(value) for value in row] for row in outcomes]
    return np.array(rows, dtype=np.float64).reshape(len(rows), max(lengths, default=0))


def _components(found: Floats) -> tuple[float, float, float]:
    """Variances between runs, between prompts, and of the rest; a negative estimate is 0."""
    runs, prompts = found.shape
    mean = found.mean()
    by_run, by_prompt = found.mean(axis=1), found.mean(axis=0)
    rest = found - by_run[:, None] - by_prompt[None, :] + mean
    squares = float((rest**2).sum()) / ((runs - 1) * (prompts - 1))
    of_runs = float(((by_run - mean) ** 2).sum()) / (runs - 1)
    of_prompts = float(((by_prompt - mean) ** 2).sum()) / (prompts - 1)
    return (
        max(0.0, of_runs - squares / prompts),
        max(0.0, of_prompts - squares / runs),
        squares,
    )
