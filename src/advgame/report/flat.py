"""Charts that would show a straight line at the end of their axis: a sentence says it as well."""

from __future__ import annotations

from collections.abc import Sequence

from advgame.report.svg import Chart


def unfolded(charts: Sequence[Chart]) -> tuple[tuple[Chart, ...], tuple[str, ...]]:
    """Return the charts that show something, and a sentence for all others of one value.

    A share at 100% all the time is left out, and whatever is at 0.
    """
    flat: dict[str, list[str]] = {}
    drawn = []
    for chart in charts:
        if (told := _flat(chart)) is None:
            drawn.append(chart)
        else:
            flat.setdefault(told, []).append(chart.title)
    return tuple(drawn), tuple(
        f"{value} at every step: {'; '.join(titles)}." for value, titles in flat.items()
    )


def _flat(chart: Chart) -> str | None:
    """The one value of all its curves, if it is an end of the axis."""
    values = {y for line in chart.lines for _, y in (*line.points, *line.raw)}
    if values == {0.0}:
        return "0%" if chart.percent else "0"
    return "100%" if chart.percent and values == {1.0} else None
