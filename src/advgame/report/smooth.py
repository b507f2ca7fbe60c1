"""From noisy steps to a curve one can read: a running mean with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from advgame.metrics.intervals import mean_interval, moments
from advgame.report.svg import MOST_POINTS, Line

FEWEST = 12  # steps from which a running mean is drawn

Points = Sequence[tuple[float, float]]


def window(steps: int) -> int:
    """How many steps a running mean takes in: odd, at least 5, about a tenth of them."""
    return max(5, steps // 10) | 1


def smoothed(label: str, style: str, points: Points, *, share: bool = False) -> Line:
    """A running mean with the 95% interval of that mean; the plain line for a few points.

    The interval takes the steps of a window as independent draws around one mean: it says how much
    of a wiggle is noise from step to step, not what another run would give. That of a `share` stays
    between 0 and 1.
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
        band.append((max(0.0, low), min(1.0, high)) if share else (low, high))
    return Line(
        label=label,
        style=style,
        points=tuple(means),
        band=tuple(band),
        raw=tuple(points) if len(points) <= MOST_POINTS else (),
    )
