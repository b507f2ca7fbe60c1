"""Which curves a page shows: a table from metric names to charts. No drawing here.

A chart appears only if the run recorded something for it. Colour tells the player or the part,
a dashed line is the benign half of a solid harmful one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from advgame.report.audited import audit_group
from advgame.report.curve import possible, title_of
from advgame.report.flat import unfolded
from advgame.report.group import Group
from advgame.report.heldout import held_out, trade_off
from advgame.report.pick import at
from advgame.report.rates import scenes
from advgame.report.run_data import Json, RunData
from advgame.report.smooth import ANY, SHARE, smoothed
from advgame.report.svg import Chart, Line, short

PLAYERS = {"attacker": "c-attacker", "defender": "c-defender", "shared": "c-third"}
KINDS = {"harmful": "", "benign": " dashed"}
MODES = {"attacked": "c-defender", "direct": "c-fifth"}
OBJECTIVE = ("kl", "reward_accuracy", "reward_margin", "entropy", "nll")
PALETTE = ("c-defender", "c-attacker", "c-third", "c-fourth", "c-fifth", "c-sixth", "c-grey")


class Curve(NamedTuple):
    """One series of a chart."""

    label: str
    key: str  # metric name
    style: str


class Row(NamedTuple):
    """One chart, if any of its curves has data."""

    title: str
    curves: Sequence[Curve]
    note: str = ""
    smooth: bool = True  # a running mean over the steps
    within: tuple[float, float] = ANY  # what its values can be; a share is told in percent


def figure_groups(data: RunData) -> list[Group]:
    """Return the groups that have at least one chart, in reading order."""
    tasks = scenes(data.config)
    over_time = held_out(data.validations, scenes=tasks)
    lines = data.metrics
    groups = [
        Group("held-out", "Held-out questions over time", _scored(data), over_time),
        trade_off(data.validations, scenes=tasks),
        _group("rewards", "What the players earn", _REWARDS, _charts(lines, _reward_rows(data))),
        _group("learning", "Optimisation", _LEARNING, _charts(lines, _learning_rows())),
        _group("faults", "Faults", _FAULTS, _charts(lines, _fault_rows())),
        _group("judge", "Judge health", _JUDGE, _charts(lines, _judge_rows(data))),
        audit_group(data),
        _group("diversity", "Diversity", _DIVERSITY, _charts(lines, _diversity_rows())),
        Group("cost", "Cost", _COST, _charts(lines, _cost_rows()) + _time(lines)),
        _group("details", "Learner details", _DETAILS, _charts(lines, _other_rows(data))),
    ]
    return [group for group in groups if group.charts or group.flat]


def _group(name: str, title: str, intro: str, charts: tuple[Chart, ...]) -> Group:
    drawn, flat = unfolded(charts)
    return Group(name, title, intro, drawn, flat=flat)


_REWARDS = (
    "A judged score runs from 0 to 10. A reward is what a player learns from: the score, what the "
    "configuration pays beside it, and what a fault earns. The two rewards are not opposites: the "
    "game is not zero-sum. In all charts of training, from 12 steps on, thin lines are the steps "
    "and thick ones running means with their 95% interval, steps taken as independent draws."
)
_LEARNING = "Means over the optimiser steps of a step. Contrast is the share of groups of replies \
that hold two different rewards: without it there is nothing to learn from."
_FAULTS = "Share of moves. A faulty prompt is never answered."
_JUDGE = (
    "Unscored answers are left out of credit, never counted as a zero. Position bias is what being "
    "shown first was worth, in points of 10; asking in both orders cancels it."
)
_DIVERSITY = (
    "Distinct-2 is the share of different word pairs: a fall means that texts become alike. "
    "Self-overlap compares a seed's prompts with each other, copy overlap with the seed."
)
_DETAILS = "Everything else the learners reported, under the names they gave it."
_COST = "Counted from shapes, cumulative since step 0. Timings are of this machine."


def _scored(data: RunData) -> str:
    judges = data.config.get("judges") or {}
    own = judges.get("evaluation")
    trains = own is None or own in (judges.get("defender"), judges.get("attacker"))
    who = (
        "by the judge that trains, so they may flatter"
        if trains
        else "by a judge that does not train"
    )
    scored = "by the facts of their scenes" if scenes(data.config) else who
    return f"The same validation questions each time, scored {scored}. Bands are 95% intervals."


def _reward_rows(data: RunData) -> Iterable[Row]:
    scored = "Of valid moves, 0 to 10, before anything is paid beside it."
    for player, curves in (("attacker", _attacker), ("defender", _defender)):
        paid = Row(title_of(player, "reward"), curves("reward"), note=_paid(data, player))
        yield paid._replace(within=_payable(data, player))
        yield _row(player, "score", note=scored)
        if player == "attacker":
            yield _row(player, "win_rate")


def _row(player: str, name: str, note: str = "") -> Row:
    """The row of what a player's moves are counted by."""
    curves = {"attacker": _attacker, "defender": _defender}[player](name)
    return Row(title_of(player, name), curves, note=note, within=possible(name))


def _payable(data: RunData, player: str) -> tuple[float, float]:
    """What a reward can be: from what a fault earns to a full score and all paid beside it."""
    rule = at(data.config, "game", f"{player}_reward") or {}
    if rule.get("type", "judged") != "judged":
        return ANY
    faults = at(data.config, "game", "faults") or {}
    beside = sum(rule.get(term) or 0.0 for term in ("diversity", "novelty"))
    return min([0.0, *(faults.values() or [-1.0])]), 10.0 + beside


def _paid(data: RunData, player: str) -> str:
    """What a player's reward is made of, as the run was configured."""
    rule = at(data.config, "game", f"{player}_reward") or {}
    if rule.get("type") == "import":
        return f"As {rule.get('path')} pays."
    extras = [
        f"up to {short(rule[term])} for {term}"
        for term in ("diversity", "novelty")
        if rule.get(term)
    ]
    return f"The judged score, and {' and '.join(extras)}." if extras else "The judged score."


def _learning_rows() -> Iterable[Row]:
    yield Row("Loss", _players("loss"))
    yield _row("defender", "contrast")
    yield _row("attacker", "contrast")
    for key in OBJECTIVE:
        yield _learned(_title(key), key)
    yield _learned("Gradient norm before clipping", "grad_norm")
    yield _learned("Learning rate", "lr")._replace(smooth=False)
    yield _learned("Examples a step", "examples")
    yield _learned("Updates skipped for want of an example", "skipped")
    yield Row(
        "Replies sampled under guidance",
        [Curve("Defender", "defender/guided_share", "c-defender")],
        note="What guides them (example turns, or a system prompt) is left out when training.",
        within=possible("guided_share"),
    )


def _learned(title: str, key: str) -> Row:
    return Row(title, _players(key), within=possible(key))


def _other_rows(data: RunData) -> Iterable[Row]:
    """What else the objectives and learners reported, whatever its name."""
    known = {"loss", "lr", "grad_norm", "examples", "skipped", "guided_share", *OBJECTIVE}
    found = {
        name
        for line in data.metrics
        for player, _, name in (key.partition("/") for key in line)
        if player in PLAYERS and name and "/" not in name
    }
    for key in sorted(found - known):
        yield _learned(_title(key), key)


def _title(key: str) -> str:
    words = key.replace("_", " ")
    return words.upper() if len(words) < 4 else words.capitalize()


def _fault_rows() -> Iterable[Row]:
    faults = ("truncated", "unparseable", "unfaithful")
    for kind in KINDS:
        curves = [
            Curve(fault, f"attacker/{kind}/fault_{fault}", style)
            for fault, style in zip(faults, PALETTE, strict=False)
        ]
        yield Row(f"Attacker, {kind} seeds", curves, within=possible("fault_truncated"))
    yield _row("attacker", "parse_rate")
    yield _row("defender", "fault_truncated")
    yield _row("defender", "fault_unparseable")


def _judge_rows(data: RunData) -> Iterable[Row]:
    for name in ("unscored", "position_bias"):
        for player in ("attacker", "defender"):
            yield _row(player, name)
    for name in sorted({key for line in data.metrics for key in line if key.startswith("judge/")}):
        label = name.removeprefix("judge/").replace("_", " ").capitalize()
        yield Row(f"Judge: {label}", [Curve("judge", name, "c-third")])


def _diversity_rows() -> Iterable[Row]:
    for name in ("distinct_2", "self_overlap", "copy_overlap", "length"):
        yield _row("attacker", name)
    for name in ("distinct_2", "length"):
        yield _row("defender", name)


def _cost_rows() -> Iterable[Row]:
    parts = ("sampled", "trained", "reference", "judge")
    yield Row(
        "Tokens",
        [
            Curve(part, f"cost/{part}_tokens", style)
            for part, style in zip(parts, PALETTE, strict=False)
        ],
        smooth=False,
    )
    flops = [Curve("all players", "cost/flops", "c-third")]
    yield Row("Floating-point operations", flops, smooth=False)


def _attacker(key: str) -> list[Curve]:
    return [
        Curve(kind, f"attacker/{kind}/{key}", "c-attacker" + dash) for kind, dash in KINDS.items()
    ]


def _defender(key: str) -> list[Curve]:
    return [
        Curve(f"{kind}, {mode}", f"defender/{kind}/{mode}/{key}", colour + dash)
        for mode, colour in MODES.items()
        for kind, dash in KINDS.items()
    ]


def _players(key: str) -> list[Curve]:
    return [
        Curve(player.capitalize(), f"{player}/{key}", style) for player, style in PLAYERS.items()
    ]


def _charts(metrics: Sequence[Mapping[str, Json]], rows: Iterable[Row]) -> tuple[Chart, ...]:
    charts = []
    for row in rows:
        lines = tuple(
            smoothed(curve.label, curve.style, points, within=row.within)
            if row.smooth
            else Line(label=curve.label, style=curve.style, points=points)
            for curve in row.curves
            if (points := _points(metrics, curve.key))
        )
        if lines:
            share = row.within == SHARE
            charts.append(
                Chart(title=row.title, note=row.note, lines=lines, percent=share, within=row.within)
            )
    return tuple(charts)


def _points(metrics: Sequence[Mapping[str, Json]], key: str) -> tuple[tuple[float, float], ...]:
    return tuple((line["step"], line[key]) for line in metrics if line.get(key) is not None)


def _time(metrics: Sequence[Mapping[str, Json]]) -> tuple[Chart, ...]:
    """Seconds a step, by phase, from the nested object that keeps timings apart."""
    timed = [{**(line.get("time") or {}), "step": line["step"]} for line in metrics]
    phases = dict.fromkeys(key for line in timed for key in line if key != "step")
    curves = [
        Curve(phase, phase, style)
        for phase, style in zip(phases, itertools.cycle(PALETTE), strict=False)
    ]
    return _charts(timed, [Row("Seconds a step, by phase", curves, smooth=False)])
