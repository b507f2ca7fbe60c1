"""Line charts as SVG elements: geometry only, no model text but the escaped labels.

A chart is drawn at its natural size (360 × 200), so that its type stays readable when a page lays
charts out in columns on a desk and one below the other on a phone. Colours are CSS classes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from advgame.numbers import in_percent
from advgame.report.scale import labels

WIDTH, HEIGHT = 360, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 18, 10, 28
MOST_POINTS = 150
WRITTEN_OUT = 1e5  # whole numbers below it have no unit prefix on the x axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series. `band` holds (low, high) for each point, if its intervals are known."""

    label: str
    style: str  # CSS classes
    points: tuple[tuple[float, float], ...]  # (x, y), x ascending
    band: tuple[tuple[float, float], ...] = ()
    raw: tuple[tuple[float, float], ...] = ()  # what `points` are means of, drawn thin
    window: int = 1  # how many of them a mean takes in
    group: str = ""  # lines of one group share an entry of the legend


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Several series over the same axis."""

    title: str
    note: str
    lines: tuple[Line, ...]
    percent: bool = False  # a share: shown as a percentage, on an axis that starts at 0
    full: bool = False  # the axis reaches 100%
    unit: str = "step"  # what the x axis counts
    within: tuple[float, float] = (-math.inf, math.inf)  # what its values can be

    @property
    def svg(self) -> Markup:
        """The drawing."""
        return _Frame.around(self).draw()

    @property
    def legend(self) -> list[Line]:
        """A line for each entry of the legend."""
        return list({line.group or line.label: line for line in self.lines}.values())

    @property
    def bounds(self) -> tuple[float, float]:
        """What its values can be."""
        return (0.0, 1.0) if self.percent else self.within

    @property
    def averaged(self) -> int:
        """How many steps a drawn point stands for, at most."""
        return max(map(_chunk, self.lines))

    @property
    def window(self) -> str:
        """What its running means take in, in words; empty without any."""
        sizes = sorted({line.window for line in self.lines} - {1})
        unit = "steps" if self.unit == "step" else "points"
        thin = f"thin: each {unit[:-1]}, thick: " if any(line.raw for line in self.lines) else ""
        return f"{thin}mean of {' or '.join(map(str, sizes))} {unit}" if sizes else ""


@dataclass(frozen=True, slots=True)
class _Frame:
    """Data coordinates to pixels."""

    chart: Chart
    x_low: float
    x_high: float
    y_low: float
    y_high: float
    ticks: tuple[float, ...]

    @classmethod
    def around(cls, chart: Chart) -> _Frame:
        xs = [x for line in chart.lines for x, _ in (*line.points, *line.raw)]
        ys = [y for line in chart.lines for _, y in (*line.points, *line.raw)]
        ys += [bound for line in chart.lines for pair in line.band for bound in pair]
        low, high = min(ys), max(ys)
        least, most = chart.bounds
        if chart.percent:
            low, high = 0.0, max(1.0 if chart.full else 0.04, high)
        ticks = nice_ticks(low, high)
        # No axis goes where no value can be: it ends at the bound, between two ticks if need be.
        y_low, y_high = max(ticks[0], min(low, least)), min(ticks[-1], max(high, most))
        shown = tuple(tick for tick in ticks if y_low <= tick <= y_high)
        return cls(chart, min(xs), max(xs), y_low, y_high, shown)

    def x(self, value: float) -> float:
        span = self.x_high - self.x_low
        share = (value - self.x_low) / span if span else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        share = (self.y_high - value) / (self.y_high - self.y_low)
        return round(TOP + share * (HEIGHT - TOP - BOTTOM), 1)

    def draw(self) -> Markup:
        entries = {line.group or line.label: at for at, line in enumerate(self.chart.legend)}
        lines = [(entries[each.group or each.label], thinned(each)) for each in self.chart.lines]
        shapes = [
            Markup('<g data-series="{}">{}{}</g>').format(at, self._band(line), self._line(line))
            for at, line in lines
        ]
        hover = [
            {
                "label": line.label,
                "style": line.style,
                "series": at,
                "points": [(self.x(x), self.y(y), x, self.told(y)) for x, y in line.points],
            }
            for at, line in lines
        ]
        scale = {
            "left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM,
            "low": self.y_low, "high": self.y_high, "first": self.x_low, "last": self.x_high,
            "percent": self.chart.percent, "unit": self.chart.unit,
            "within": [None if math.isinf(end) else end for end in self.chart.bounds],
        }  # fmt: skip
        inner = Markup(
            '<svg class="inner" x="{}" y="{}" width="{}" height="{}" viewBox="{} {} {} {}" '
            'overflow="visible">{}</svg>'
        ).format(*2 * (LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM),
                 Markup("").join(shapes))  # fmt: skip
        return Markup(
            '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}" data-hover="{}" '
            'data-scale="{}"><g class="axes">{}</g>{}'
            '<rect class="brush" y="{}" height="{}" visibility="hidden"/>'
            '<line class="cursor" y1="{}" y2="{}" visibility="hidden"/></svg>'
        ).format(
            WIDTH, HEIGHT, self.chart.title, json.dumps(hover), json.dumps(scale), self._grid(),
            inner, TOP, HEIGHT - TOP - BOTTOM, TOP, HEIGHT - BOTTOM,
        )  # fmt: skip

    def told(self, value: float) -> str:
        return in_percent(value) if self.chart.percent else short(value).replace("-", "−")

    def _grid(self) -> Markup:
        tick = Markup('<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>')
        rows = [
            Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                LEFT, WIDTH - RIGHT, self.y(value), self.y(value)
            )
            + tick.format(LEFT - 6, self.y(value) + 4, "end", label)
            for value, label in zip(
                self.ticks, labels(self.ticks, percent=self.chart.percent), strict=True
            )
        ]
        steps = self._steps()
        columns = [
            tick.format(self.x(step), HEIGHT - 10, "middle", label)
            for step, label in zip(steps, labels(steps, plain=WRITTEN_OUT), strict=True)
        ]
        unit = tick.format(2, HEIGHT - 10, "start", self.chart.unit)
        return Markup("").join([*rows, *columns, unit])

    def _steps(self) -> list[float]:
        """Ticks of the x axis: round numbers, and the last step with room for its label."""
        last = self.x_high
        room = 7 * len(labels([0, last], plain=WRITTEN_OUT)[-1]) + 8
        ticks = nice_ticks(self.x_low, last, whole=True)
        return [t for t in ticks if self.x_low <= t and self.x(t) + room <= self.x(last)] + [last]

    def _band(self, line: Line) -> Markup:
        if not line.band:
            return Markup("")
        pairs = list(zip(line.points, line.band, strict=True))
        if len(pairs) == 1:
            (x, _), (low, high) = pairs[0]
            return Markup('<line class="whisker {}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                line.style, self.x(x), self.x(x), self.y(low), self.y(high)
            )
        upper = [f"{self.x(x)},{self.y(high)}" for (x, _), (_, high) in pairs]
        lower = [f"{self.x(x)},{self.y(low)}" for (x, _), (low, _) in reversed(pairs)]
        return Markup('<polygon class="band {}" points="{}"/>').format(
            line.style, " ".join(upper + lower)
        )

    def _line(self, line: Line) -> Markup:
        at = [(self.x(x), self.y(y)) for x, y in line.points]
        path = _path(line.style, at)
        if line.raw:
            return _path(f"raw {line.style}", [(self.x(x), self.y(y)) for x, y in line.raw]) + path
        if len(at) > 16:
            return path
        dots = (
            Markup('<circle class="dot {}" cx="{}" cy="{}" r="2.5"/>').format(line.style, x, y)
            for x, y in at
        )
        return path + Markup("").join(dots)


def _path(style: str, at: Sequence[tuple[float, float]]) -> Markup:
    joined = " ".join(f"{x},{y}" for x, y in at)
    return Markup('<polyline class="line {}" points="{}"/>').format(style, joined)


def thinned(line: Line) -> Line:
    """Return `line` with at most `MOST_POINTS` points, each the mean of its neighbours."""
    size = _chunk(line)
    if size == 1:
        return line
    chunks = [line.points[i : i + size] for i in range(0, len(line.points), size)]
    means = tuple((chunk[-1][0], sum(y for _, y in chunk) / len(chunk)) for chunk in chunks)
    return Line(label=line.label, style=line.style, points=means)


def _chunk(line: Line) -> int:
    return 1 if line.band else math.ceil(len(line.points) / MOST_POINTS)


def nice_ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Return 3 to 6 round numbers that enclose [low, high], ascending.

    >>> nice_ticks(0.02, 0.93)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if high - low < max(1e-12 * abs(high), 1e-30):  # a flat line
        pad = 0.5 * abs(high) if abs(high) > 1e-30 else 1.0
        low, high = low - pad, high + pad
    rough = (high - low) / 4
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough * 0.999)
    if whole:
        step = max(1.0, round(step))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def short(value: float) -> str:
    """Return `value` in at most three significant digits, large ones with a unit prefix.

    >>> short(1_234_567), short(0.000123), short(0.25)
    ('1.23M', '1.2e-4', '0.25')
    """
    size = abs(value)
    if 0 < size < 1e-3:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    for bound, unit in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= bound:
            return f"{value / (1e3 if unit == 'k' else bound):.3g}{unit}"
    return f"{value:.4g}" if size >= 100 else f"{value:.3g}"


def interval_bar(before: tuple[float, float, float] | None,
                 after: tuple[float, float, float] | None) -> Markup:  # fmt: skip
    """Draw (value, low, high) before and after, shares in 0–1, one above the other."""
    width, pad = 300, 8

    def x(share: float) -> float:
        return round(pad + share * (width - 2 * pad), 1)

    parts = [
        Markup('<line class="grid" x1="{}" x2="{}" y1="4" y2="40"/>').format(x(t), x(t))
        for t in (0, 0.25, 0.5, 0.75, 1)
    ]
    for name, y, rate in (("before", 14, before), ("after", 30, after)):
        if rate:
            value, low, high = rate
            parts.append(
                Markup(
                    '<g class="{}"><title>{}: {}</title><line class="span" x1="{}" x2="{}" '
                    'y1="{}" y2="{}"/><circle cx="{}" cy="{}" r="5"/></g>'
                ).format(name, name, in_percent(value), x(low), x(high), y, y, x(value), y)
            )
    return Markup('<svg class="intervals" viewBox="0 0 {} 44" aria-hidden="true">{}</svg>').format(
        width, Markup("").join(parts)
    )
