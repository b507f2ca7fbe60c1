"""The table on the terminal: 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def show(rows: Sequence[dict[str, Any]], console: Console | None = None) -> None:
    """Print what was measured, the spread of the repeats, the target, and whether it is met."""
    table = Table(title="advgame against what one would otherwise run")
    for name, options in {
        "row": {"no_wrap": True},
        "against": {},
        "min": {"justify": "right"},
        "median": {"justify": "right"},
        "max": {"justify": "right"},
        "target": {"justify": "right", "no_wrap": True},
        "met": {},
    }.items():
        table.add_column(name, **options)  # type: ignore[arg-type]
    for row in rows:
        spread = [_number(row["ratio"][name]) for name in ("min", "median", "max")]
        bound = "≥" if row["better"] == "higher" else "≤"
        unit = "" if row["unit"] == "share" else row["unit"]
        target = f"{bound} {_number(row['target'])} {unit}".strip()
        table.add_row(row["name"], row["against"], *spread, target, "yes" if row["met"] else "no")
    (console or Console(width=80)).print(table)


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
