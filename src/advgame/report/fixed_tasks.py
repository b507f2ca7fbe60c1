"""What `advgame eval` measured on a run's Defender, from the reports it left in the run."""

from __future__ import annotations

import json
from pathlib import Path

from advgame.report.forest import Bar, Forest
from advgame.report.group import Group
from advgame.report.run_data import Json, cleaned

_INTRO = (
    "Rates of the Defender on tasks that anybody can repeat, by `advgame eval`. Bars are 95% "
    "intervals. Step 0 is the Defender as it began."
)
_TITLES = {
    "attack_success": "Attack success",
    "over_refusal": "Over-refusal of benign requests",
    "accuracy": "Accuracy",
}


def task_group(run: Path) -> Group:
    """The rates under `RUN/evals`, a plot for each thing counted; empty if there is none."""
    rows: dict[str, list[tuple[str, int, Json]]] = {}
    for path in sorted((run / "evals").glob("*.json")):
        for counts, name, step, rate in _read(path):
            rows.setdefault(counts, []).append((name, step, rate))
    charts = tuple(
        Forest(title=title, note="", bars=tuple(map(_bar, sorted(rows[counts], key=_place))))
        for counts, title in _TITLES.items()
        if counts in rows
    )
    return Group("tasks", "Fixed tasks", _INTRO, charts)


def _place(row: tuple[str, int, Json]) -> tuple[str, int]:
    return row[:2]


def _bar(row: tuple[str, int, Json]) -> Bar:
    name, step, rate = row
    style = "c-grey" if step == 0 else "c-defender"
    return Bar(label=f"{name}, step {step}", rate=rate, style=style)


def _read(path: Path) -> list[tuple[str, str, int, Json]]:
    """(what it counts, task, step, rate) of each task; nothing for what is no such report."""
    try:
        report = cleaned(json.loads(path.read_bytes()))
        if report.get("role") != "defender":
            return []
        return [
            (
                row["counts"],
                name,
                report["step"],
                {k: row[k] for k in ("value", "low", "high", "n")},
            )
            for name, row in report["tasks"].items()
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
