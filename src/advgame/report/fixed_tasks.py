"""The figures of what `advgame eval` measured on a run's Defender."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from advgame.report.evaluated import Measured, evaluated, ways_of
from advgame.report.forest import Bar, Forest
from advgame.report.group import Group

_INTRO = (
    "Rates of the Defender on tasks that anybody can repeat, by advgame eval. Bars are 95% "
    "intervals. Step 0 is the Defender as it began."
)
_TITLES = {
    "attack_success": "Attack success",
    "over_refusal": "Over-refusal of benign requests",
    "accuracy": "Accuracy",
    "win_rate": "Wins against the reference",
}


def task_group(run: Path) -> Group:
    """The rates under `RUN/evals`, a plot for each thing counted; empty if there is none."""
    rows: dict[str, list[Measured]] = {}
    for each in evaluated(run):
        rows.setdefault(each.counts, []).append(each)
    charts = tuple(
        Forest(title=title, note="", bars=tuple(_bars(sorted(rows[counts], key=_place))))
        for counts, title in _TITLES.items()
        if counts in rows
    )
    return Group("tasks", "Fixed tasks", _INTRO, charts)


def _place(each: Measured) -> tuple[str, int]:
    return each.task, each.step


def _bars(found: Sequence[Measured]) -> Iterator[Bar]:
    """A bar a rate; what tells two of one task and step apart stands in its label."""
    ways = ways_of(found)
    weights = {each.weights for each in found if each.step}
    for each in found:
        told = [f"{each.task}, step {each.step}"]
        if len(weights) > 1 and each.weights and each.step:
            told.append(each.weights)
        if len(ways[each.task]) > 1 and each.way:
            told.append(each.way)
        style = "c-grey" if each.step == 0 else "c-defender"
        yield Bar(label=", ".join(told), rate=each.rate, style=style)
