"""What `advgame eval` measured on a run's Defender, from the reports it left in the run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from advgame.evals.catalog import SAFETY
from advgame.report.run_data import Json, cleaned
from advgame.store.damage import DAMAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A rate of one checkpoint on one task.

    `counts` is attack_success, over_refusal, accuracy or win_rate; `rate` holds value, low, high
    and n, and `unscored` says how many more had no score; `weights` and `judge` are None where a
    report does not say, or nobody judged; `taught` is whom that judge trained. `asked` is a hash
    of the attacks, and `by` whose they are, where there are any, `own` that they are those of the
    player's own run; `drawn` says how replies were, `reference` whose they were compared with, and
    `lacks` what of the public task was not asked.
    """

    task: str
    counts: str
    step: int
    weights: str | None
    judge: str | None
    attempts: int
    asked: str | None = None
    by: str | None = None
    own: bool = False
    drawn: str = ""
    reference: str | None = None
    taught: str = ""
    lacks: str = ""
    unscored: int = 0
    rate: Json

    @property
    def way(self) -> str:
        """How it was measured, beside its task: rates of two ways are of two things."""
        if self.counts == "accuracy":  # nothing else is chosen
            return self.drawn
        way = f"{self.attempts} attempt{'s' if self.attempts > 1 else ''}"
        way += f", judge {self.judge}" if self.judge else ""
        way += f", attacks {self.asked[:6]} by {self.by or 'a file'}" if self.asked else ""
        way += f", against {self.reference}" if self.reference else ""
        return f"{way}, {self.drawn}" if self.drawn else way


def ways_of(found: Iterable[Measured]) -> dict[str, set[str]]:
    """The ways in which each task was measured: one, or a name must say which."""
    ways: dict[str, set[str]] = {}
    for each in found:
        ways.setdefault(each.task, set()).add(each.way)
    return ways


def evaluated(run: Path) -> Iterator[Measured]:
    """Yield the rates under `RUN/evals`, the newest first; nothing for a file that is no report."""
    files = sorted((run / "evals").glob("*.json"))
    for path in sorted(files, key=_written, reverse=True):
        try:
            report = cleaned(json.loads(path.read_bytes()))
            rows = list(_rows(report)) if report.get("role") == "defender" else []
        except (OSError, *DAMAGE):
            continue
        yield from rows


def _written(path: Path) -> float:
    """When a file was last written; 0 if it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _rows(report: Json) -> Iterator[Measured]:
    for task, row in report["tasks"].items():
        by, own = _attacker(row, report)
        yield Measured(
            task=task,
            counts=row["counts"],
            step=report["step"],
            weights=report.get("weights"),
            judge=judge if (judge := report.get("judge")) and _judged(task) else None,
            attempts=row.get("attempts") or 1,
            asked=row.get("asked"),
            by=by,
            own=own,
            drawn=_drawn(row, report.get("settings") or {}),
            reference=row.get("reference"),
            taught=_taught(task, row, report),
            lacks=row.get("lacks") or "",
            unscored=row.get("unscored") or 0,
            rate={key: row[key] for key in ("value", "low", "high", "n")},
        )


def _judged(task: str) -> bool:
    """Whether a judge is asked: of a planted instruction the reply itself tells."""
    return not (task in SAFETY and SAFETY[task].injection)


def _taught(task: str, row: Json, report: Json) -> str:
    """Whom the judge of a rate trained."""
    if not report.get("judge_trained_this_run") or row["counts"] == "accuracy" or not _judged(task):
        return ""
    if report.get("judge") in (report.get("trained_by") or ()):
        return "the Defender"
    return "the Attacker" if row.get("attacks") else ""


def _attacker(row: Json, report: Json) -> tuple[str | None, bool]:
    """Whose the attacks were, by the name of a run: of a path one reads the beginning, if any."""
    by: str | None = (row.get("attacks") or {}).get("by")
    own = by is not None and by.rpartition("@")[0] == report.get("model")
    return by and PurePath(by).name, own


def _drawn(row: Json, settings: Json) -> str:
    """What changes the questions, or the replies to every one."""
    if row["counts"] == "accuracy":
        tokens, heat, part = row.get("written_tokens"), None, "test"
    else:
        tokens, heat = settings.get("max_tokens"), settings.get("temperature")
        part = settings.get("part") or "test"
    told = [f"{tokens} tokens"] if tokens is not None else []
    told += [f"temperature {heat:g}"] if heat else []
    return ", ".join([*told, *(["seeds of all splits"] if part == "all" else [])])
