"""Rows of values with intervals over one axis, as SVG."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from advgame.numbers import in_percent, in_points, on_axis
from advgame.report.plots import Rate, Trail, cut, dot, frame, known, line, spanned, text
from advgame.report.svg import nice_ticks, short


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row of a `Forest`."""

    label: str
    rate: Rate
    style: str = "c-defender"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Values with intervals, one below the other over one axis."""

    title: str
    note: str
    bars: tuple[Bar, ...]
    low: float = 0.0
    high: float = 1.0
    percent: bool = True
    points: bool = False  # differences of shares, in percentage points
    reference: float | None = None  # drawn as a dashed line

    @property
    def lines(self) -> tuple[Trail, ...]:
        """What the legend lists: nothing, rows are labelled."""
        return ()

    @property
    def svg(self) -> Markup:
        """The drawing."""
        right, row = 22, 24
        left = min(210, 16 + 8 * max((len(bar.label) for bar in self.bars), default=0))
        width, height = 360, row * len(self.bars) + 34
        ticks = nice_ticks(self.low, self.high)

        def x(value: float) -> float:
            share = (value - ticks[0]) / (ticks[-1] - ticks[0])
            return round(left + min(1.0, max(0.0, share)) * (width - left - right), 1)

        def told_of(value: float) -> str:
            if self.points:
                return in_points(value)
            return in_percent(value) if self.percent else short(value).replace("-", "−")

        def ticked(value: float) -> str:
            if self.points:
                return on_axis(value)[:-1]
            return on_axis(value) if self.percent else short(value).replace("-", "−")

        parts = []
        told_every = 1 if (width - left - right) / len(ticks) > 38 else 2  # labels never touch
        for place, tick in enumerate(ticks):
            parts.append(line("grid", x(tick), x(tick), 6, height - 26))
            if place % told_every == 0:
                parts.append(text("tick", x(tick), height - 10, ticked(tick), "middle"))
        if self.reference is not None:
            parts.append(line("cursor", x(self.reference), x(self.reference), 6, height - 26))
        for place, bar in enumerate(self.bars):
            y = 6 + row * place + row / 2
            parts.append(text("label", left - 8, y + 4, cut(bar.label, 26), "end"))
            rate = bar.rate
            if not known(rate):
                parts.append(text("tick", left + 6, y + 4, "–", "start"))
                continue
            assert rate is not None
            span = Markup("")
            if rate.get("low") is not None:
                span = line("span", x(rate["low"]), x(rate["high"]), y, y)
            told = f"{bar.label}: {spanned(rate, told_of)}"
            parts.append(dot(bar.style, told, x(rate["value"]), y, 4.5, span))
        return frame(width, height, self.title, parts)
