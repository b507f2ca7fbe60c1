"""What the second judge said of the training judge, as one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advgame.cli.words import number

Line = Mapping[str, Any]


def audit_line(lines: Sequence[Line]) -> tuple[str, bool] | None:
    """The newest audit among `lines` of metrics in at most 79 characters, and whether it alarms.

    It tells of the player and kind where the training judge ran away furthest.
    """
    line = next((each for each in reversed(lines) if "audit/alarm" in each), None)
    if line is None:
        return None
    cells = [key.removesuffix("/alarm") for key in line if key.endswith("/alarm")]
    known = [cell for cell in cells if line.get(f"{cell}/score") is not None]
    if not known:
        return None
    worst = max(known, key=lambda cell: _rank(line, cell))
    _, role, kind = worst.split("/")
    alarm = bool(line["audit/alarm"])
    head = "REWARD HACKING?" if alarm else "Second judge:"
    if line[f"{worst}/gap_rise"] is None:
        told = (
            f"gives {number(line[f'{worst}/score'])} where the training judge gives "
            f"{number(line[f'{worst}/train'])}"
        )
    else:
        told = (
            f"training judge {_signed(line[f'{worst}/train_rise'])}, "
            f"second {_signed(line[f'{worst}/score_rise'])}"
        )
    kappa = line[f"{worst}/kappa"]
    agreed = "" if kappa is None else f", κ {kappa:.2f}"
    return f"{head} {role.capitalize()}, {kind}: {told}{agreed}", alarm


def _rank(line: Line, cell: str) -> tuple[bool, float]:
    gap = line.get(f"{cell}/gap_rise")
    if gap is None:
        gap = line[f"{cell}/gap"]
    return bool(line.get(f"{cell}/alarm")), gap


def _signed(value: float) -> str:
    return f"{round(value, 1) + 0.0:+.1f}".replace("-", "−")
