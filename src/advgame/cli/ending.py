"""What a finished run shows: before and after, the same questions side by side, what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from advgame.cli.said import clip
from advgame.cli.words import duration
from advgame.numbers import points, rate
from advgame.report.rates import RateChange, rate_changes
from advgame.report.run_data import RunData, read_run
from advgame.report.transcripts import side_by_side
from advgame.schedule import ever_learns
from advgame.store.reader import open_readonly


def show_ending(run: Path, page: Path, console: Console | None = None) -> None:
    """Print the summary of a finished run; `page` is its report."""
    console = console or Console(highlight=False)
    data = read_run(run)
    if changes := rate_changes(data):
        console.print(_rates(changes))
    if rows := _chosen(data):
        console.print(_questions(rows))
    if seconds := data.summary.get("seconds"):
        console.print(Text(f"{data.summary.get('steps')} steps in {duration(seconds)}"))
    folder = shlex.quote(str(run))
    role = ever_learns(open_readonly(run).config.schedule)[-1]  # the Defender, if it does
    for label, text in (
        ("Report", str(page)),
        ("Browse", f"advgame view {folder}"),
        ("Talk", f"advgame play {folder}"),
        ("Export", f"advgame export {folder} my-{role} --role {role}"),
    ):
        console.print(Text(f"{label:<7} {text}"), soft_wrap=True)


def _rates(changes: Sequence[RateChange]) -> Table:
    table = Table(title="Held-out questions, 95% intervals", title_justify="left", width=80)
    table.add_column("")
    for column in ("before", "after", "change in points"):
        table.add_column(column, justify="right", no_wrap=True)
    for change in changes:
        difference = ""
        if change.difference is not None:
            low, high = points(change.difference.low), points(change.difference.high)
            difference = f"{points(change.difference.value)} ({low} to {high})"
        before, after = (_plain(side) for side in (change.before, change.after))
        table.add_row(change.label, before, after, difference)
    return table


def _plain(side: Any) -> str:
    return rate(None if side is None else {"value": side.value, "low": side.low, "high": side.high})


def _chosen(data: RunData) -> list[Mapping[str, Any]]:
    """Plain questions asked at the start and at the end, changed outcomes first."""
    rows = [
        row
        for row in side_by_side(data, budget=1_000_000)["rows"]
        if row["mode"] == "direct" and row["after"] is not None
    ]
    return [
        row
        for kind, count in (("harmful", 3), ("benign", 2))
        for row in [each for each in rows if each["kind"] == kind][:count]
    ]


def _questions(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="The same questions", title_justify="left", width=80, show_lines=True)
    for column in ("asked", "before", "after"):
        table.add_column(column, ratio=1, overflow="fold")
    for row in rows:
        most = 44 if row["kind"] == "harmful" else 96  # no more of it than shows the tendency
        table.add_row(
            Text(clip(row["seed"], 96)),
            Text(clip(row["before"]["reply"], most)),
            Text(clip(row["after"]["reply"], most)),
        )
    return table
