"""From noisy steps to a curve one can read: a running mean with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from advgame.metrics.moments import mean_interval, moments
from advgame.report.svg import MOST_POINTS, Line

FEWEST = 12  # steps from which a running mean is drawn

Points = Sequence[tuple[float, float]]


def window(steps: int) -> int:
    """How many steps a running mean takes in: odd, at least 5, about a tenth of them."""
    return max(5, steps // 10) | 1


SHARE = (0.0, 1.0)
ANY = (-inf, inf)


def smoothed(label: str, style: str, points: Points, *, within: tuple[float, float] = ANY) -> Line:
    """A running mean with the 95% interval of that mean; the plain line for a few points.

    The interval takes the steps of a window as independent draws around one mean: it says how much
    of a wiggle is noise from step to step, not what another run would give. It stays `within` what
    the values can be.
    """
    if len(points) < FEWEST:
        return Line(label=label, style=style, points=tuple(points))
    half = window(len(points)) // 2
    stride = -(-len(points) // 100)
    places = sorted({*range(0, len(points), stride), len(points) - 1})
    means, band = [], []
    for place in places:
        near = moments([y for _, y in points[max(0, place - half) : place + half + 1]])
        means.append((points[place][0], near["mean"]))
        low, high = mean_interval(near)
        mean = near["mean"]  # inside, even where a value is not what it can be
        band.append((min(mean, max(within[0], low)), max(mean, min(within[1], high))))
    return Line(
        label=label,
        style=style,
        points=tuple(means),
        band=tuple(band),
        raw=extremes(points, MOST_POINTS),
        window=2 * half + 1,
    )


def extremes(points: Points, most: int) -> tuple[tuple[float, float], ...]:
    """At most twice `most` of the points, by which the line looks the same: peaks stay.

    The least and the greatest of each stretch of neighbours, in order; all of them for few points.

    >>> extremes([(0, 1), (1, 9), (2, 3), (3, 4), (4, 0), (5, 2)], 2)
    ((0, 1), (1, 9), (3, 4), (4, 0))
    """
    if len(points) <= 2 * most:
        return tuple(points)
    size = -(-len(points) // most)
    kept = []
    for start in range(0, len(points), size):
        near = points[start : start + size]
        kept += sorted({min(near, key=_height), max(near, key=_height)})
    return tuple(kept)


def _height(point: tuple[float, float]) -> float:
    return point[1]
