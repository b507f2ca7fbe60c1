"""Numbers in words, shares above all, by one rule of rounding: halves go away from zero.

A page says every rate to one decimal (`in_percent`, `in_points`): a sentence says what the tables
say, and a change is the difference of the rates beside it. A terminal says whole numbers, and so do
axes where they can.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any


def percent(value: float, digits: int = 0) -> str:
    """Return a share as a percentage.

    >>> percent(0.314), percent(0.225)
    ('31%', '23%')
    """
    return f"{_hundredfold(value, digits)}%".replace("-", "−")


def points(value: float, digits: int = 0) -> str:
    """Return a difference of shares in signed percentage points, with a real minus sign.

    >>> points(-0.314), points(-0.525)
    ('−31', '−53')
    """
    found = _hundredfold(value, digits)
    return f"{found:+}".replace("-", "−") if found else f"{found}"


def in_percent(value: float) -> str:
    """Return a share as a page says it.

    >>> in_percent(0.225)
    '22.5%'
    """
    return percent(value, 1)


def in_points(value: float) -> str:
    """Return a difference of shares as a page says it, in points.

    >>> in_points(-0.525)
    '−52.5'
    """
    return points(value, 1)


def least_points(value: float, digits: int = 0) -> str:
    """Return the smallest difference of shares that would be found, in points without a sign.

    >>> least_points(0.125, 1), least_points(1.7)
    ('12.5', 'over 100')
    """
    return "over 100" if value > 1 else f"{_hundredfold(value, digits)}"


def p_value(value: float) -> str:
    """Return a p value as a sentence says it.

    >>> p_value(0.0312), p_value(0.00004)
    ('p = 0.031', 'p < 0.001')
    """
    return f"p = {value:.3f}" if value >= 0.001 else "p < 0.001"


def two(value: float | None) -> str:
    """Return a number with two decimals and a real minus sign, or a dash.

    >>> two(-0.314), two(None)
    ('−0.31', '–')
    """
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def rate(found: Mapping[str, Any] | None) -> str:
    """Return a rate with its 95% interval, alone where that is not known, or a dash.

    >>> rate({"value": 0.31, "low": 0.2, "high": 0.44}), rate({"value": 0.31, "low": None})
    ('31% (20–44)', '31%')
    """
    if not found or found.get("value") is None:
        return "–"
    value = percent(found["value"])
    if found.get("low") is None:
        return value
    return f"{value} ({percent(found['low'])[:-1]}–{percent(found['high'])[:-1]})"


def change(found: Mapping[str, Any] | None) -> str:
    """Return a difference of shares with its 95% interval in points, or a dash.

    >>> change({"value": -0.12, "low": -0.2, "high": -0.03})
    '−12 (−20 to −3)'
    """
    if not found or found.get("value") is None:
        return "–"
    if found["low"] is None:  # of one run there is none
        return points(found["value"])
    value, low, high = (points(found[key]) for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def on_axis(value: float) -> str:
    """Return a share as an axis says it.

    >>> on_axis(0.5), on_axis(0.025)
    ('50%', '2.5%')
    """
    return f"{100 * value:.3g}%".replace("-", "−")


def _hundredfold(value: float, digits: int) -> Decimal:
    """What a float is meant to be: 0.285 * 100 is 28.5, not a little less."""
    meant = Decimal(f"{100 * value:.9f}")
    return meant.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP) + 0  # never −0
