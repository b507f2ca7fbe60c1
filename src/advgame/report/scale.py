"""The labels of an axis: all of one axis in one format. `zoom.js` draws axes anew by this rule."""

from __future__ import annotations

import math
from collections.abc import Sequence

_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (0.0, "k"))
_DECIMALS = 3  # at most


def labels(
    ticks: Sequence[float], *, percent: bool = False, sign: str = "%", plain: float = 1e4
) -> list[str]:
    """Return what stands beside `ticks`: one unit and as many decimals for all of them.

    Args:
        ticks: where labels stand; all but the last are round numbers.
        percent: they are shares.
        sign: what follows a percentage.
        plain: numbers are written out below it, and with a unit prefix from it on.

    >>> labels([0, 2.5, 5]), labels([0, 50_000, 100_000, 123_456])
    (['0.0', '2.5', '5.0'], ['0', '50k', '100k', '123k'])
    >>> labels([-0.2, 0, 0.2], percent=True), labels([0, 5e-6, 1e-5])
    (['−20%', '0%', '20%'], ['0', '0.5e−5', '1.0e−5'])
    """
    most = max(map(abs, ticks), default=0.0)
    factor, unit, round_ = 1.0, "", list(ticks)
    if percent:
        factor, unit = 100.0, sign
    elif most >= plain:
        bound, unit = next(each for each in _UNITS if most >= each[0])
        factor, round_ = 1 / (bound or 1e3), list(ticks[:-1]) or round_
    elif 0 < most < 1e-2:
        exponent = math.floor(math.log10(most) + 1e-9)
        factor, unit = 10.0**-exponent, f"e{exponent}"
    digits = _digits([factor * tick for tick in round_])
    told = [f"{factor * tick:.{digits}f}{unit}".replace("-", "−") for tick in ticks]
    if percent or not unit:
        return told
    return [text if tick else "0" for tick, text in zip(ticks, told, strict=True)]


def _digits(values: Sequence[float]) -> int:
    """The fewest decimals that tell `values` exactly, or the most there may be."""
    for digits in range(_DECIMALS):
        if all(abs(round(value, digits) - value) < 1e-6 * max(1, abs(value)) for value in values):
            return digits
    return _DECIMALS


def operations(count: str) -> str:
    """Return a count of floating-point operations with its unit.

    >>> operations("154T"), operations("7")
    ('154 TFLOP', '7 FLOP')
    """
    prefix = count[-1:] if count[-1:].isalpha() else ""
    return f"{count.removesuffix(prefix)} {prefix}FLOP"
