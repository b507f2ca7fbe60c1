"""What a campaign shows while it runs, and the table it ends with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from advgame.cli.words import duration
from advgame.metrics.intervals import by_seed, known_success
from advgame.numbers import rate
from advgame.redteam.budget import Spent
from advgame.redteam.ledger import Ledger
from advgame.redteam.report.figures import levels
from advgame.redteam.report.redact import clipped
from advgame.redteam.values import Finding, Trial


class Shown:
    """The live table: a row an arm."""

    def __init__(self, screen: Live) -> None:
        """Draw on `screen`."""
        self._screen = screen
        self._of: dict[str, int] = {}
        self._found: dict[str, dict[str, Finding]] = {}

    def begin(self, trials: Sequence[Trial], ledger: Ledger) -> None:
        """Take note of what is to be done and what is done already."""
        for trial in trials:
            self._of[trial.arm] = self._of.get(trial.arm, 0) + 1
            self._found.setdefault(trial.arm, {})
        for finding in ledger.findings.values():
            self._found.setdefault(finding.arm, {})[finding.id] = finding
        self._draw(ledger.before)

    def tell(self, finding: Finding, spent: Spent) -> None:
        """Take note of a finding."""
        self._found[finding.arm][finding.id] = finding
        self._draw(spent)

    def _draw(self, spent: Spent) -> None:
        shown = Table(
            Column("strategy", no_wrap=True), "attempts", "broken seeds (95%)", "unscored", "failed"
        )
        for arm, of in self._of.items():
            rows = list(self._found[arm].values())
            broken = by_seed(
                [(each.seed_id, each.attempt, each.success) for each in rows], one_of=known_success
            )
            failed = sum(each.state.target_failed for each in rows)
            unscored = sum(each.success is None for each in rows) - failed
            shown.add_row(
                _named(arm), f"{len(rows)}/{of}", rate(broken), str(unscored), str(failed)
            )
        shown.caption = (
            f"{spent.requests} requests, {spent.usage.total:,} tokens, {duration(spent.seconds)}"
        )
        self._screen.update(shown)


def _named(arm: str) -> Text:
    """An arm's name, which may come from somebody's file, as text and nothing else."""
    return Text(clipped(arm, 80))


@contextmanager
def live() -> Iterator[Shown]:
    """Show the table on standard error while the campaign runs, if that is a terminal."""
    console = Console(stderr=True)
    with Live(console=console, transient=True, refresh_per_second=4) as screen:
        yield Shown(screen)


def table(figures: Mapping[str, Any]) -> Table:
    """The figures a campaign ends with."""
    k = figures["requests_a_seed"]
    shown = Table(
        Column("strategy", overflow="fold"),
        *(Column(f"ASR@{at} (95%)", no_wrap=True) for at, _ in levels(k)),
        *(Column(name, no_wrap=True) for name in ("seeds", "unscored", "requests")),
    )  # fmt: skip
    for name, row in figures["arms"].items():
        at = row["at_k"]
        shown.add_row(
            _named(name), *(rate(row[key]) for _, key in levels(k)),
            str(at["n"]), str(at["unscored"]), str(row["requests"]),
        )  # fmt: skip
    return shown
