"""The figures of what `advgame eval` measured on a run's Defender."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from advgame.report.evaluated import Measured, evaluated
from advgame.report.forest import Bar, Forest
from advgame.report.group import Group

_INTRO = (
    "Rates of the Defender on tasks that anybody can repeat, by advgame eval. Bars are 95% "
    "intervals. Step 0 is the Defender as it began."
)
_FLATTERS = " A judge may flatter the player that it trained: such rates are drawn hollow."
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
        Forest(title=title, note=_lacking(found), bars=tuple(_bars(found)))
        for counts, title in _TITLES.items()
        if (found := sorted(rows.get(counts, ()), key=_place))
    )
    taught = any(each.taught for found in rows.values() for each in found)
    return Group("tasks", "Fixed tasks", _INTRO + _FLATTERS * taught, charts)


def _place(each: Measured) -> tuple[str, int]:
    return each.task, each.step


def _lacking(found: Sequence[Measured]) -> str:
    """What of the public tasks was not asked."""
    tasks: dict[str, dict[str, None]] = {}
    for each in found:
        if each.lacks:
            tasks.setdefault(each.lacks, {})[each.task] = None
    return " ".join(f"{', '.join(names)}: without {lacks}." for lacks, names in tasks.items())


def _bars(found: Sequence[Measured]) -> Iterator[Bar]:
    """A bar a rate; below its name who judged, and what tells it from others of its task."""
    weights = {each.weights for each in found if each.step}
    for each in found:
        alike = [_parts(other) for other in found if other.task == each.task]
        told = [
            part
            for name, part in _parts(each).items()
            if part and (name == "judge" or len({other.get(name) for other in alike}) > 1)
        ]
        if len(weights) > 1 and each.weights and each.step:
            told.insert(0, f"weights {each.weights}")
        told.append(f"n {each.rate['n']:,}")
        if each.unscored:
            told.append(f"{each.unscored:,} unscored")
        style = "c-grey" if each.step == 0 else "c-defender"
        yield Bar(
            label=f"{each.task}, step {each.step}",
            detail=", ".join(told),
            rate=each.rate,
            style=f"{style} dashed" if each.taught else style,
        )


def _parts(each: Measured) -> dict[str, str]:
    """How it was measured, part by part."""
    if each.counts == "accuracy":  # nothing else is chosen
        return {"drawn": each.drawn}
    taught = f", which trained {each.taught}" if each.taught else ""
    step = (each.by or "").rpartition("@")[2]
    by = f"its own Attacker at step {step}" if each.own else each.by or "a file"
    return {
        "judge": f"judge {each.judge}{taught}" if each.judge else "",
        "attempts": f"{each.attempts} attempt{'s' if each.attempts > 1 else ''}",
        "by": f"attacks by {by}" if each.asked else "",
        "asked": f"prompts {each.asked[:6]}" if each.asked else "",
        "reference": f"against {each.reference}" if each.reference else "",
        "drawn": each.drawn,
    }
