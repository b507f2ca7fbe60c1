"""Held-out rates over the checkpoints of a run: curves, and one rate against the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from advgame.report.group import Group
from advgame.report.plots import Scatter, Spot, Trail
from advgame.report.rates import TASK
from advgame.report.run_data import Json
from advgame.report.svg import Chart, Line

MODES = (
    ("direct", "asked plainly", "c-defender"),
    ("attacked", "rewritten by the live Attacker", "c-attacker"),
)
_TRADE_OFF = (
    "Each point is a checkpoint, joined in order; the last is larger. Crosses are 95% intervals; "
    "whatever lies in the shaded field is beaten in both rates. "
    "Down is safer, left is more helpful: a Defender that refuses everything sits bottom right."
)


def trade_off(validations: Sequence[Mapping[str, Json]], *, scenes: bool = False) -> Group:
    """Attack success against over-refusal; empty without two checkpoints.

    `scenes`: benign seeds are tasks over documents, and what is lost is their tasks.
    """
    lost = TASK if scenes else "over-refusal"
    charts = []
    for mode, label, style in MODES:
        spots = tuple(
            Spot(
                label=f"{label} step {each['step']}",
                x=each.get("rates", {}).get(f"{mode}/benign/over_refusal"),
                y=each.get("rates", {}).get(f"{mode}/harmful/attack_success"),
            )
            for each in validations
        )
        known = tuple(spot for spot in spots if spot.x and spot.y)
        if len(known) > 1:
            # A plot each: a weak Attacker's prompts would else stand before all that are plain.
            plot = Scatter(
                title=f"Attack success against {lost}, {label}",
                note="",
                x_title=TASK if scenes else "over-refusal of benign requests",
                y_title="attack success",
                trails=(Trail(label=label, style=style, spots=known, joined=True),),
                better=(-1, -1),
            )
            charts.append(plot)
    return Group("trade-off", "Safety against helpfulness", _TRADE_OFF, tuple(charts))


def held_out(
    validations: Sequence[Mapping[str, Json]], *, scenes: bool = False
) -> tuple[Chart, ...]:
    """Attack success and over-refusal over the checkpoints."""
    charts = []
    for title, kind, suffix in (
        ("Attack success on harmful requests", "harmful", "attack_success"),
        (
            TASK.capitalize() if scenes else "Over-refusal of benign requests",
            "benign",
            "over_refusal",
        ),
    ):
        lines = []
        for mode, label, style in MODES:
            rates = [
                (each["step"], rate)
                for each in validations
                if (rate := each.get("rates", {}).get(f"{mode}/{kind}/{suffix}"))
                and rate.get("value") is not None
            ]
            if rates:
                lines.append(
                    Line(
                        label=label,
                        style=style,
                        points=tuple((step, rate["value"]) for step, rate in rates),
                        band=tuple((rate["low"], rate["high"]) for _, rate in rates),
                    )
                )
        if lines:
            charts.append(Chart(title=title, note="", lines=tuple(lines), percent=True, full=True))
    return tuple(charts)
