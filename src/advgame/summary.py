"""The end of a run in numbers: before, after, and the paired difference of each rate."""

from __future__ import annotations

from typing import Any

from advgame.metrics.intervals import Difference, paired_difference
from advgame.progress import Progress
from advgame.store.reader import RunReader


def summary(run: RunReader, progress: Progress) -> dict[str, Any]:
    """The content of `summary.json`; before and after are the first and last validation."""
    metrics = run.metrics()
    result: dict[str, Any] = {
        "steps": progress.step,
        "cost": {name.removeprefix("cost/"): value for name, value in progress.metrics().items()},
        "seconds": sum(line["time"].get("step", 0.0) for line in metrics),
    }
    reports = run.validations()
    if len(reports) > 1:
        before, after = reports[0], reports[-1]
        result["before"], result["after"] = before["rates"], after["rates"]
        result["differences"] = {name: difference(before, after, name) for name in before["rates"]}
    return result


def difference(before: dict[str, Any], after: dict[str, Any], name: str) -> Difference:
    """The change of a rate between two reports on the same seeds, with its paired interval."""
    mode, kind, _ = name.split("/")
    old, new = (
        [
            row["success"]
            for row in report["transcripts"]
            if row["mode"] == mode and row["kind"] == kind
        ]
        for report in (before, after)
    )
    return paired_difference(old, new)
