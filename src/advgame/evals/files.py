"""Where the reports of `advgame eval` are written: a name says what was measured, on whom."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from advgame.derive import digest

_LONGEST: Final = 120  # characters of a file name, without its ending


def report_name(report: Mapping[str, Any], what: Sequence[str]) -> str:
    """A file name, without its ending, for a report on `what`: a suite, or tasks."""
    who = (
        f"{report['role']}-step-{report['step']}-{report['weights']}"
        if "step" in report
        else report["model"]
    )
    name = re.sub(r"[^\w.+-]+", "_", f"{'+'.join(what)}-{who}")
    if len(name) > _LONGEST:  # cut in the middle: which checkpoint it is stands at the end
        name = f"{name[: _LONGEST // 2]}-{digest(name)[:8]}-{name[-_LONGEST // 3 :]}"
    return name


def report_path(folder: Path, report: Mapping[str, Any], what: Sequence[str]) -> Path:
    """The file for a report; where one of another model or of other settings is, beside it.

    Of settings those count that change a figure: a report that is made anew takes its own place.
    """
    path = folder / f"{report_name(report, what)}.json"
    of = _measured(report)
    try:
        there = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return path
    if isinstance(there, dict) and _measured(there) != of:
        return path.with_name(f"{path.stem}-{digest(of)[:8]}.json")
    return path


_IDLE: Final = (
    "allow_training_judge",
    "cached",
    "key_env",
    "attacker_key_env",
    "reference_key_env",
)


def _measured(report: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured, and how."""
    settings = report.get("settings") or {}
    kept = {k: _plain(v) for k, v in settings.items() if v is not None and k not in _IDLE}
    return {"model": _plain(report.get("model")), **kept}


def _plain(value: Any) -> Any:
    """A folder's name is the same with a slash behind it, or a dot before it."""
    return value.removeprefix("./").rstrip("/") if isinstance(value, str) else value
