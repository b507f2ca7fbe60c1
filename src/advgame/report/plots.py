"""Points with intervals over two axes, as SVG, and what the other plots share.

Values may be missing (None): such a point is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from advgame.numbers import in_percent
from advgame.report.scale import labels
from advgame.report.svg import nice_ticks, short

Rate = Mapping[str, Any] | None
"""{value, low, high} and perhaps n, as `metrics.intervals` makes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A point (x, y) with its intervals."""

    label: str  # whose it is, told when it is pointed at
    x: Rate
    y: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """Points of one kind, joined in order if `joined`."""

    label: str
    style: str
    spots: tuple[Spot, ...]
    joined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Points over two axes."""

    title: str
    note: str
    x_title: str
    y_title: str
    trails: tuple[Trail, ...]
    diagonal: bool = False
    whole: bool = False  # both axes from 0 to 100%
    percent: bool = True
    better: tuple[int, int] | None = None  # signs of a better x and y: draws the Pareto front

    @property
    def dots(self) -> bool:
        """Whether the legend shows dots: nothing is joined."""
        return not any(trail.joined and len(trail.spots) > 1 for trail in self.trails)

    @property
    def lines(self) -> tuple[Trail, ...]:
        """What the legend lists."""
        return self.trails

    @property
    def svg(self) -> Markup:
        """The drawing."""
        return _Field(self).draw()


class _Field:
    WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 380, 280, 62, 22, 12, 46
    INSET = 8  # what lies at the end of an axis, such as 0%, keeps clear of the frame

    def __init__(self, plot: Scatter) -> None:
        self.plot = plot
        spots = [spot for trail in plot.trails for spot in trail.spots if spot.x and spot.y]
        self.ticks = [self._ticks([spot.x for spot in spots]), self._ticks([s.y for s in spots])]

    def _ticks(self, rates: Sequence[Rate]) -> list[float]:
        known = [
            rate[part]
            for rate in rates
            if rate
            for part in ("value", "low", "high")
            if rate.get(part) is not None
        ]
        if self.plot.whole or not known:
            return [0.0, 0.25, 0.5, 0.75, 1.0]
        low, high = min(known), max(known)
        if self.plot.percent:
            low, high = max(0.0, low), min(1.0, high)
        return nice_ticks(low, high)

    def x(self, value: float) -> float:
        low, high = self.ticks[0][0], self.ticks[0][-1]
        span = self.WIDTH - self.LEFT - self.RIGHT - 2 * self.INSET
        return round(self.LEFT + self.INSET + (value - low) / (high - low) * span, 1)

    def y(self, value: float) -> float:
        low, high = self.ticks[1][0], self.ticks[1][-1]
        span = self.HEIGHT - self.TOP - self.BOTTOM - 2 * self.INSET
        return round(self.TOP + self.INSET + (high - value) / (high - low) * span, 1)

    def draw(self) -> Markup:
        trails = [
            Markup('<g data-series="{}">{}</g>').format(place, self._trail(trail))
            for place, trail in enumerate(self.plot.trails)
        ]
        # Under the points and their crosses: one on the front would hide them where they meet.
        parts = [self._axes(), self._front(), *trails]
        return frame(self.WIDTH, self.HEIGHT, self.plot.title, parts)

    def told(self, value: float) -> str:
        return in_percent(value) if self.plot.percent else short(value)

    def _axes(self) -> Markup:
        bottom = self.HEIGHT - self.BOTTOM
        parts = []
        told = [labels(ticks, percent=self.plot.percent) for ticks in self.ticks]
        for tick, label in zip(self.ticks[0], told[0], strict=True):
            parts.append(line("grid", self.x(tick), self.x(tick), self.TOP, bottom))
            parts.append(text("tick", self.x(tick), bottom + 15, label, "middle"))
        for tick, label in zip(self.ticks[1], told[1], strict=True):
            y = self.y(tick)
            parts.append(line("grid", self.LEFT, self.WIDTH - self.RIGHT, y, y))
            parts.append(text("tick", self.LEFT - 6, y + 4, label, "end"))
        if self.plot.diagonal:
            parts.append(line("cursor", self.x(0), self.x(1), self.y(0), self.y(1)))
        middle = (self.LEFT + self.WIDTH - self.RIGHT) / 2
        parts.append(text("axis", middle, self.HEIGHT - 8, self.plot.x_title, "middle"))
        parts.append(
            Markup('<text class="axis" transform="translate(13,{}) rotate(-90)" '
                   'text-anchor="middle">{}</text>').format(
                (self.TOP + bottom) / 2, self.plot.y_title
            )
        )  # fmt: skip
        return Markup("").join(parts)

    def _front(self) -> Markup:
        if self.plot.better is None:
            return Markup("")
        spots = [spot for trail in self.plot.trails for spot in trail.spots]
        values = [(s.x["value"], s.y["value"]) for s in spots if known(s.x) and known(s.y)]  # type: ignore[index]
        corners = [(self.x(x), self.y(y)) for x, y in stairs(values, self.plot.better)]
        if not corners:
            return Markup("")
        # On to the ends of both axes: one point alone can be the front.
        right, up = (sign < 0 for sign in self.plot.better)
        last_x = self.WIDTH - self.RIGHT if right else self.LEFT
        last_y = self.TOP if up else self.HEIGHT - self.BOTTOM
        ends = [(last_x, corners[0][1]), *corners, (corners[-1][0], last_y)]
        path = " ".join(f"{x},{y}" for x, y in ends)
        return Markup('<polygon class="beaten" points="{} {},{}"/>').format(
            path, last_x, last_y
        ) + Markup('<polyline class="front" points="{}"/>').format(path)

    def _trail(self, trail: Trail) -> Markup:
        spots = [spot for spot in trail.spots if known(spot.x) and known(spot.y)]
        parts = []
        if trail.joined and len(spots) > 1:
            path = " ".join(f"{self.x(s.x['value'])},{self.y(s.y['value'])}" for s in spots)  # type: ignore[index]
            parts.append(Markup('<polyline class="line join {}" points="{}"/>').format(
                trail.style, path
            ))  # fmt: skip
        for at, spot in enumerate(spots):
            on_the_way = trail.joined and at < len(spots) - 1
            parts.append(self._spot(spot, trail, size=3.5 if on_the_way else 5))
        return Markup("").join(parts)

    def _spot(self, spot: Spot, trail: Trail, size: float) -> Markup:
        assert spot.x is not None and spot.y is not None  # chosen by the caller
        x, y = self.x(spot.x["value"]), self.y(spot.y["value"])
        parts = [Markup("")]
        if spot.x.get("low") is not None:
            parts.append(line("whisker-thin", self.x(spot.x["low"]), self.x(spot.x["high"]), y, y))
        if spot.y.get("low") is not None:
            parts.append(line("whisker-thin", x, x, self.y(spot.y["low"]), self.y(spot.y["high"])))
        told = (
            f"{spot.label}\n{self.plot.x_title}: {spanned(spot.x, self.told)}\n"
            f"{self.plot.y_title}: {spanned(spot.y, self.told)}"
        ).lstrip("\n")
        return dot(trail.style, told, x, y, size, Markup("").join(parts))


def stairs(
    values: Sequence[tuple[float, float]], better: tuple[int, int]
) -> list[tuple[float, float]]:
    """The corners of the Pareto front: what is reached, given what is given up.

    Example:
        >>> stairs([(1, 3), (2, 2), (1, 1), (3, 1)], (1, 1))
        [(1, 3), (1, 2), (2, 2), (2, 1), (3, 1)]
    """
    front: list[tuple[float, float]] = []
    ordered = sorted(set(values), key=lambda v: (better[0] * v[0], better[1] * v[1]), reverse=True)
    for x, y in ordered:  # from the best x on, every better y is on the front
        if not front or better[1] * y > better[1] * front[-1][1]:
            if front:
                front.append((x, front[-1][1]))
            front.append((x, y))
    return front[::-1]


def spanned(rate: Rate, number: Callable[[float], str]) -> str:
    """`31% (20% to 44%), n 50`: a value in words, with what is known of its interval."""
    if not known(rate):
        return "–"
    assert rate is not None
    told = number(rate["value"])
    if rate.get("low") is not None:
        told += f" ({number(rate['low'])} to {number(rate['high'])})"
    return f"{told}, n {rate['n']:,}" if rate.get("n") else told


def cut(name: str, longest: int) -> str:
    """`name` in at most `longest` characters: names that share a beginning keep their ends."""
    return name if len(name) <= longest else f"…{name[1 - longest :]}"


def known(rate: Rate) -> bool:
    """Whether there is a value."""
    return rate is not None and rate.get("value") is not None


def frame(width: int, height: float, title: str, parts: Sequence[Markup], kind: str = "") -> Markup:
    """The drawing around `parts`; of kind `wide` it keeps its natural size."""
    wide = kind == "wide"
    size = Markup('width="{}" height="{}" ').format(width, height) if wide else Markup("")
    return Markup(
        '<svg class="plot {}" {}viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(kind, size, width, height, title, Markup("").join(parts))


def dot(style: str, told: str, x: float, y: float, size: float, whiskers: Markup) -> Markup:
    """A point that tells its values when pointed at."""
    return Markup(
        '<g class="spot {}" data-tip="{}">{}<circle class="dot" cx="{}" cy="{}" r="{}"/></g>'
    ).format(style, told, whiskers, x, y, size)


def line(style: str, x1: float, x2: float, y1: float, y2: float) -> Markup:
    """A straight line."""
    drawn = Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>')
    return drawn.format(style, x1, x2, y1, y2)


def text(style: str, x: float, y: float, words: str, anchor: str) -> Markup:
    """A piece of text; `anchor` is start, middle or end."""
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        style, x, y, anchor, words
    )
