"""What `advgame eval` measured on a run's Defender, from the reports it left in the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from advgame.report.run_data import Json, cleaned


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A rate of one checkpoint on one task.

    `counts` is attack_success, over_refusal, accuracy or win_rate; `rate` holds value, low, high
    and n; `weights` and `judge` are None where a report does not say. `asked` is a hash of the
    attacks, and `by` whose they are, where there are any.
    """

    task: str
    counts: str
    step: int
    weights: str | None
    judge: str | None
    attempts: int
    asked: str | None = None
    by: str | None = None
    rate: Json


def evaluated(run: Path) -> Iterator[Measured]:
    """Yield the rates under `RUN/evals`; nothing for a file that is no such report."""
    for path in sorted((run / "evals").glob("*.json")):
        try:
            report = cleaned(json.loads(path.read_bytes()))
            rows = list(_rows(report)) if report.get("role") == "defender" else []
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        yield from rows


def _rows(report: Json) -> Iterator[Measured]:
    for task, row in report["tasks"].items():
        yield Measured(
            task=task,
            counts=row["counts"],
            step=report["step"],
            weights=report.get("weights"),
            judge=report.get("judge"),
            attempts=row.get("attempts") or 1,
            asked=row.get("asked"),
            by=(row.get("attacks") or {}).get("by"),
            rate={key: row[key] for key in ("value", "low", "high", "n")},
        )
