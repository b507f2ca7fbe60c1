"""The Pareto plots of a comparison: its `trade_offs`, see `comparison.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advgame.report.group import Group
from advgame.report.plots import Scatter, Spot, Trail

Json = Mapping[str, Any]

_CROSSES = "Crosses are 95% intervals. Whatever lies in the shaded field is beaten in both rates."
_JOINED = "Checkpoints of each run, joined in order; the last is larger."
OTHERS = "c-grey dashed"  # such as the untrained Defender: no run of the page


def pareto_group(found: Json, styles: Mapping[str, str], groups: Mapping[str, str]) -> Group:
    """The plots of `found`; those with `more` are folded below the others.

    Args:
        found: the comparison.
        styles: the colour of each run.
        groups: RUN → the group it belongs to.
    """
    plots = [
        (bool(each.get("more")), plot)
        for each in found.get("trade_offs") or ()
        if (plot := _plot(each, styles, groups)).trails
    ]
    joined = any(not plot.dots for _, plot in plots)
    about = (_JOINED * joined, _CROSSES, found.get("trade_offs_note") or "")
    shown = [plot for more, plot in plots if not more]
    return Group(
        "trade-off",
        found.get("trade_offs_title") or "Safety against utility",
        " ".join(filter(None, about)),
        tuple(shown or [plot for _, plot in plots]),
        more=tuple(plot for more, plot in plots if more and shown),
    )


def _plot(plot: Json, styles: Mapping[str, str], groups: Mapping[str, str]) -> Scatter:
    of_run: dict[str, list[Spot]] = {}
    for point in plot["points"]:
        label = f"{point['run']} {_checkpoint(point)}".strip()
        spot = Spot(label=label, x=point["x"], y=point["y"])
        of_run.setdefault(point["run"], []).append(spot)
    names = [*styles, *of_run]  # as the page lists its runs
    ordered = {name: of_run[name] for name in names if name in of_run}
    alone = all(len(spots) == 1 for spots in ordered.values())
    return Scatter(
        title=plot["title"],
        note=plot.get("note") or "",
        x_title=plot["x"]["title"],
        y_title=plot["y"]["title"],
        trails=tuple(_trails(ordered, styles, groups if alone else {})),
        better=(_sign(plot["x"]), _sign(plot["y"])),
    )


def _trails(
    of_run: Mapping[str, Sequence[Spot]], styles: Mapping[str, str], groups: Mapping[str, str]
) -> Iterator[Trail]:
    """A trail a run; of runs that are one point each, a trail a group."""
    together: dict[str, list[Spot]] = {}
    style: dict[str, str] = {}
    for name, spots in of_run.items():
        group = groups.get(name, name)
        together.setdefault(group, []).extend(spots)
        style[group] = styles.get(name, OTHERS)
    for group, spots in together.items():
        yield Trail(label=group, style=style[group], spots=tuple(spots), joined=not groups)


def _checkpoint(point: Json) -> str:
    weights = point.get("weights")
    step = "" if point["step"] is None else f"step {point['step']}"
    return ", ".join(filter(None, [step, weights]))


def _sign(axis: Json) -> int:
    return -1 if axis.get("better") == "low" else 1
