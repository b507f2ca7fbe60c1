"""The roofline picture: `python -m benchmarks.roofline RESULT.json OUT.svg`.

Operations a second over operations a byte, both axes logarithmic. The roof is the measured
bandwidth up to where it meets the measured GEMM rate. Below it: decoding at several numbers of
rows, and the learner.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from statistics import median
from typing import Any
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 50


class Axes:
    """From operations a byte and Gflop/s to places on the page."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x, self.y = x, y

    def at(self, intensity: float, rate: float) -> tuple[float, float]:
        across = _share(intensity, self.x) * (WIDTH - LEFT - RIGHT)
        up = _share(rate, self.y) * (HEIGHT - TOP - BOTTOM)
        return LEFT + across, HEIGHT - BOTTOM - up


def _share(value: float, span: tuple[float, float]) -> float:
    low, high = map(math.log10, span)
    return (math.log10(value) - low) / (high - low)


def picture(result: dict[str, Any]) -> str:
    """The SVG of a result that holds the row `decode`, and perhaps `flops`."""
    rows = {row["name"]: row for row in result["rows"]}
    detail, run = rows["decode"]["detail"], rows["decode"]["run"]
    peak, read = detail["gemm_gflop_per_s"], detail["read_gb_per_s"]
    marks = [
        (point["flop_per_byte"], point["gflop_per_s"], f"{point['rows']} rows", "#0072b2")
        for point in detail["points"]
    ]
    if "flops" in rows:
        learner = rows["flops"]["detail"]
        marks.append(
            (learner["flop_per_byte"], median(learner["gflop_per_s"]), "learner", "#d55e00")
        )
    lowest = min(read * 0.3, *(rate for _, rate, *_ in marks))
    axes = Axes((0.3, 3000.0), (lowest * 0.7, peak * 2))
    low, high = axes.x
    roof = [(low, low * read), (peak / read, peak), (high, peak)]
    line = " ".join("{:.1f},{:.1f}".format(*axes.at(*point)) for point in roof)
    title = escape(f"{run['cpu']}, {run['threads']} thread(s), {detail['dtype']}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="14">Roofline: {title}</text>',
        *_grid(axes),
        f'<polyline points="{line}" fill="none" stroke="#444" stroke-width="2"/>',
        _text(axes.at(low * 1.2, low * 1.2 * read), f"{read:.0f} GB/s read", 6, 16),
        _text(axes.at(high, peak), f"{peak:.0f} Gflop/s GEMM", -130, -8),
    ]
    for intensity, rate, name, colour in marks:
        x, y = axes.at(intensity, rate)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
        parts.append(_text((x, y), name, 9, 14))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _grid(axes: Axes) -> list[str]:
    parts = []
    for power in range(-1, 5):
        value = 10.0**power
        if axes.x[0] <= value <= axes.x[1]:
            x, _ = axes.at(value, axes.y[0])
            parts.append(_line((x, TOP), (x, HEIGHT - BOTTOM)))
            parts.append(_text((x, HEIGHT - BOTTOM), f"{value:g}", -8, 16))
        if axes.y[0] <= value <= axes.y[1]:
            _, y = axes.at(axes.x[0], value)
            parts.append(_line((LEFT, y), (WIDTH - RIGHT, y)))
            parts.append(_text((LEFT, y), f"{value:g}", -40, 4))
    parts.append(_text((WIDTH / 2, HEIGHT), "operations a byte of memory read", -90, -12))
    parts.append(_text((14, TOP), "Gflop/s", -8, -8))
    return parts


def _line(a: tuple[float, float], b: tuple[float, float]) -> str:
    ends = f'x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}"'
    return f'<line {ends} stroke="#ddd"/>'


def _text(place: tuple[float, float], text: str, dx: float, dy: float) -> str:
    return f'<text x="{place[0] + dx:.1f}" y="{place[1] + dy:.1f}">{text}</text>'


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    target.write_text(picture(json.loads(source.read_text())))


if __name__ == "__main__":
    main()
