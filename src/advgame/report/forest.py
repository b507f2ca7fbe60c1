"""Rows of values with intervals over one axis, as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap

from markupsafe import Markup

from advgame.numbers import in_percent, in_points
from advgame.report.plots import Rate, Trail, dot, frame, known, line, spanned, text
from advgame.report.scale import labels
from advgame.report.svg import nice_ticks, short

WIDTH, RIGHT, TOP, BOTTOM = 360, 22, 6, 28
BESIDE = 26  # characters of a label that fit beside its bar; longer ones stand above
_LINE, _LONGEST, _MOST = 16, 44, 4  # of labels above: height, characters, lines
_ROW = 24  # height of a bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row of a `Forest`; `detail` stands below its label, in small type."""

    label: str
    rate: Rate
    style: str = "c-defender"
    detail: str = ""


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
        return _Rows(self).draw()

    def told(self, value: float) -> str:
        """A value in words."""
        if self.points:
            return in_points(value)
        return in_percent(value) if self.percent else short(value).replace("-", "−")


class _Rows:
    """Where things stand: labels beside their bars, or above if one of them is long."""

    def __init__(self, forest: Forest) -> None:
        self.forest = forest
        longest = max((len(bar.label) for bar in forest.bars), default=0)
        self.above = longest > BESIDE or any(bar.detail for bar in forest.bars)
        self.left = 12 if self.above else min(210, round(14 + 7.4 * longest))
        self.ticks = nice_ticks(forest.low, forest.high)
        self.words = [self._words(bar) for bar in forest.bars]
        self.tops = [TOP]
        for words in self.words:
            self.tops.append(self.tops[-1] + _ROW + _LINE * len(words))

    def _words(self, bar: Bar) -> list[tuple[str, str]]:
        """The lines above a bar: (style, words)."""
        if not self.above:
            return []
        found = [(style, part) for style, words in (("label", bar.label), ("tick", bar.detail))
                 for part in wrap(words, _LONGEST, break_on_hyphens=False)]  # fmt: skip
        return found[:_MOST]

    def x(self, value: float) -> float:
        share = (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0])
        return round(self.left + min(1.0, max(0.0, share)) * (WIDTH - self.left - RIGHT), 1)

    def draw(self) -> Markup:
        forest, bottom = self.forest, self.tops[-1] + 2
        shares = forest.percent or forest.points
        told = labels(self.ticks, percent=shares, sign="" if forest.points else "%")
        # Labels never touch.
        every = 1 if (WIDTH - self.left - RIGHT) / len(self.ticks) > 38 else 2
        parts = []
        for place, (tick, label) in enumerate(zip(self.ticks, told, strict=True)):
            parts.append(line("grid", self.x(tick), self.x(tick), TOP, bottom))
            if place % every == 0:
                parts.append(text("tick", self.x(tick), bottom + 16, label, "middle"))
        if forest.reference is not None:
            at = self.x(forest.reference)
            parts.append(line("cursor", at, at, TOP, bottom))
        for bar, words, top in zip(forest.bars, self.words, self.tops, strict=False):
            parts.append(self._bar(bar, words, top))
        return frame(WIDTH, bottom + BOTTOM - 2, forest.title, parts, "rows")

    def _bar(self, bar: Bar, words: list[tuple[str, str]], top: float) -> Markup:
        parts = [
            text(style, 2, top + _LINE * (place + 1) - 3, part, "start")
            for place, (style, part) in enumerate(words)
        ]
        y = top + _LINE * len(words) + _ROW / 2 - (2 if words else 0)
        if not words:
            parts.append(text("label", self.left - 8, y + 4, bar.label, "end"))
        rate = bar.rate
        if not known(rate):
            return Markup("").join([*parts, text("tick", self.left + 6, y + 4, "–", "start")])
        assert rate is not None
        span = Markup("")
        if rate.get("low") is not None:
            span = line("span", self.x(rate["low"]), self.x(rate["high"]), y, y)
        told = f"{bar.label}: {spanned(rate, self.forest.told)}"
        told += f"\n{bar.detail}" if bar.detail else ""
        parts.append(dot(bar.style, told, self.x(rate["value"]), y, 4.5, span))
        return Markup("").join(parts)
