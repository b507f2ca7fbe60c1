"""A matrix of shares as an SVG heat map."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from advgame.numbers import in_percent, percent
from advgame.report.plots import Rate, Trail, cut, frame, known, spanned, text

LONGEST = 14  # characters of a column's name that fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """A matrix of shares; darker is more."""

    title: str
    note: str
    row_title: str
    column_title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Rate, ...], ...]

    @property
    def lines(self) -> tuple[Trail, ...]:
        """What the legend lists: nothing, cells hold their values."""
        return ()

    @property
    def width(self) -> int:
        """Natural width in pixels: a page lets it scroll rather than shrink."""
        return 150 + self._wide * len(self.columns)

    @property
    def _wide(self) -> int:
        longest = max((len(name) for name in self.columns), default=0)
        return max(58, 8 + 7 * min(LONGEST, longest))

    @property
    def svg(self) -> Markup:
        """The drawing."""
        left, top, wide, high = 140, 56, self._wide, 34
        height = top + high * len(self.rows) + 8
        parts = [
            text("axis", left + wide * len(self.columns) / 2, 14, self.column_title, "middle"),
            text("axis", 4, 14, self.row_title, "start"),
        ]
        for c, name in enumerate(self.columns):
            parts.append(text("tick", left + wide * (c + 0.5), 44, cut(name, LONGEST), "middle"))
        for r, name in enumerate(self.rows):
            y = top + high * r
            parts.append(text("label", left - 8, y + high / 2 + 4, cut(name, 20), "end"))
            for c, rate in enumerate(self.cells[r]):
                parts.append(self._cell(left + wide * c, y, wide, high, r, c, rate))
        return frame(self.width, height, self.title, parts, "wide")

    def _cell(self, x: float, y: float, wide: int, high: int, r: int, c: int, rate: Rate) -> Markup:
        if not known(rate):
            return text("tick", x + wide / 2, y + high / 2 + 4, "–", "middle")
        assert rate is not None
        value = rate["value"]
        told = (
            f"{self.row_title} {self.rows[r]}\n{self.column_title} {self.columns[c]}\n"
            + spanned(rate, in_percent)
        )
        return Markup(
            '<g class="cell c-attacker" data-tip="{}"><rect x="{}" y="{}" width="{}" height="{}" '
            'fill-opacity="{}"/><text class="{}" x="{}" y="{}" text-anchor="middle">{}</text></g>'
        ).format(
            told, x + 1, y + 1, wide - 2, high - 2, round(0.06 + 0.84 * value, 3),
            "strong" if value > 0.55 else "weak", x + wide / 2, y + high / 2 + 4,
            percent(value),
        )  # fmt: skip
