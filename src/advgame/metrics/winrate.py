"""How often one model's replies are preferred to another's, and what length has to do with it.

Judges favour long replies. Dubois et al. 2024 (arXiv 2404.04475) fit

    P(model preferred on x) = σ(θ + φ · tanh((len − len_reference) / sd) + ψ_x)

and report the mean of σ(θ + ψ_x): the win rate had both replied at the same length. The difficulty
ψ_x of an instruction can be told from θ only with the replies of many models, so it is left out
here, and the length-controlled win rate is σ(θ).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from advgame.metrics.intervals import Rate, mean_share

RIDGE: Final = 0.1  # a weak pull of θ and φ to 0, without which they run away when all is won
_STEPS: Final = 50


def win_rate(preferences: Sequence[float | None]) -> Rate:
    """Return the mean preference (1 won, ½ a tie or both orders at odds, 0 lost).

    Each is the mean of two verdicts, one an order.
    """
    scored = sum(each is not None for each in preferences)
    return mean_share(preferences, trials=2 * scored)


def length_controlled(
    preferences: Sequence[float | None],
    lengths: Sequence[int],
    reference_lengths: Sequence[int],
    *,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = 1000,
) -> Rate:
    """Return the win rate at equal length, with a percentile interval over prompts.

    Where all preferences are the same, resampling says nothing of other prompts: the interval is
    then `win_rate`'s, and reaches to the value where the ridge pulled that out of it.

    Args:
        preferences: by prompt, of [0, 1]; None = unscored.
        lengths: characters of the model's replies.
        reference_lengths: characters of the replies they were compared with.
        seed: the same seed gives the same interval.
        level: coverage.
        resamples: bootstrap samples; the length scale is that of all prompts in each.

    Raises:
        ValueError: the lengths of the three differ.
    """
    rows = [
        (preference, own - other)
        for preference, own, other in zip(preferences, lengths, reference_lengths, strict=True)
        if preference is not None
    ]
    n, unscored = len(rows), len(preferences) - len(rows)
    if n == 0:
        return Rate(value=None, low=None, high=None, n=0, unscored=unscored)
    won = np.array([preference for preference, _ in rows], dtype=float)
    gaps = np.array([gap for _, gap in rows], dtype=float)
    spread = float(gaps.std())
    gap = np.tanh(gaps / spread) if spread else np.zeros(n)
    whole = np.ones((1, n))
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    value = float(_fit(won, gap, whole)[0])
    if won.min() == won.max():
        plain = win_rate([float(each) for each in won])
        low, high = min(plain["low"] or 0.0, value), max(plain["high"] or 0.0, value)
        return Rate(value=value, low=low, high=high, n=n, unscored=unscored)
    low, high = np.quantile(_fit(won, gap, draws), [(1 - level) / 2, (1 + level) / 2])
    return Rate(value=value, low=float(low), high=float(high), n=n, unscored=unscored)


def _fit(won: Any, gap: Any, weights: Any) -> Any:
    """σ(θ) of a ridge logistic regression won ~ θ + φ·gap, a row of weights each, by Newton.

    `won` and `gap` have N values, `weights` is [R, N]. A soft outcome y is fine: its likelihood
    is y log σ + (1 − y) log(1 − σ).
    """
    theta = np.zeros(len(weights))
    phi = np.zeros(len(weights))
    for _ in range(_STEPS):
        p = _sigmoid(theta[:, None] + phi[:, None] * gap)
        off = weights * (p - won)
        g_theta, g_phi = off.sum(1) + RIDGE * theta, off @ gap + RIDGE * phi
        curve = weights * p * (1 - p)
        a = curve.sum(1) + RIDGE
        b = curve @ gap
        c = curve @ gap**2 + RIDGE
        det = a * c - b * b
        step_theta, step_phi = (c * g_theta - b * g_phi) / det, (a * g_phi - b * g_theta) / det
        theta, phi = theta - step_theta, phi - step_phi
        if max(np.abs(step_theta).max(), np.abs(step_phi).max()) < 1e-9:
            break
    return _sigmoid(theta)


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(z, -500, 500)))
