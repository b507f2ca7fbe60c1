"""What several run seeds say: means over runs, paired differences, and how often chance makes them.

One run says what one run did. A claim about a scheme is a claim about runs not yet made, so its
interval has to carry the spread between runs beside that between prompts. Runs of two schemes
with the same run seed are pairs, and so are answers to the same prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from advgame.metrics.intervals import SAME, Difference
from advgame.metrics.student import t_quantile, t_within

Outcomes = Sequence[Sequence[float | None]]  # a row a run, a column a prompt; None = unscored
Floats = NDArray[np.float64]


def mean_over_runs(values: Sequence[float | None], level: float = 0.95) -> Difference:
    """Return the mean of a figure over runs with Student's interval.

    The runs are the sample: it speaks of other run seeds on these very prompts. No interval (None)
    for one run, or for several that agree exactly: they show no spread, which is no certainty.
    """
    known = [value for value in values if value is not None]
    if not known:
        return Difference(value=None, low=None, high=None, n=0)
    mean, n = fmean(known), len(known)
    if n == 1 or (spread := stdev(known)) < SAME:
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

    None where it has no interval; of runs that agree exactly see `agreeing_p`.
    """
    value, high, runs = difference["value"], difference["high"], difference["n"]
    if value is None or high is None:
        return None
    error = (high - value) / t_quantile((1 + level) / 2, runs - 1)
    return 1 - t_within(abs(value) / error, runs - 1)


def agreeing_p(difference: Difference) -> float | None:
    """Return the two-sided p value of several runs that agree exactly; None of all others.

    They show no spread, so Student's test, which would say 0, says nothing. If the schemes were
    alike each run's difference would be as likely with the other sign: n equal ones have all the
    same sign in 2 of 2ⁿ cases (Fisher's randomisation test). Runs without any difference: 1.
    """
    value, runs = difference["value"], difference["n"]
    if value is None or difference["low"] is not None or runs < 2:
        return None
    return 1.0 if abs(value) < SAME else 2.0 ** (1 - runs)


def holm(p_values: Mapping[str, float], tests: int | None = None) -> dict[str, float]:
    """Return p values made larger for being several (Holm 1979), in the order they came.

    Below α a name may be called different and, of all that are called so, the chance that any is
    not stays below α, however the comparisons depend on each other.

    Args:
        p_values: by name.
        tests: how many there are to be, at least those of `p_values`; None = those. Ones that are
            still to come count as 1: no value rises when they come.
    """
    count = len(p_values) if tests is None else tests
    found: dict[str, float] = {}
    least = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda each: p_values[each])):
        least = max(least, min(1.0, (count - rank) * p_values[name]))
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
    found = paired_differences(before, after)
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
    if runs == 1 or np.ptp(found[known]) < SAME:
        return Difference(value=value, low=None, high=None, n=n)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Difference(value=value, low=float(low), high=float(high), n=n)


def paired_differences(before: Outcomes, after: Outcomes) -> Floats:
    """Return after − before [runs, prompts]; NaN where either is unscored.

    Raises:
        ValueError: the shapes differ.
    """
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
