"""What a run looks like while it runs: a live screen, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from advgame.cli.audited import audit_line
from advgame.cli.said import Quote, clip, quotes
from advgame.cli.words import ROWS, duration, number, share, trend
from advgame.events import Event, Observer, Phase, RunStarted, Saved, StepDone, Validated
from advgame.numbers import rate
from advgame.report.rates import LABELS


@contextmanager
def watch(console: Console | None = None) -> Iterator[Observer]:
    """Yield the observer to give to `train`; the screen is restored when the context ends."""
    console = console or Console(highlight=False)
    state = State()
    if not console.is_terminal:
        yield lambda event: _log(console, state, event)
        return
    screen = Screen(state)
    with Live(screen, console=console, refresh_per_second=4):
        yield state.take


_SHOWN = 64  # steps whose rewards are drawn


@dataclass
class State:
    """What is known so far, updated by events."""

    out: Path | None = None
    start: int = 0
    step: int = 0
    steps: int = 1
    budget: int | None = None  # tokens that end the run, where a number of steps does not
    done: float = 0.0  # share of the run
    done_before: float = 0.0  # what was done when this process began
    phase: str = "starting"
    notes: tuple[str, ...] = ()
    began: float = field(default_factory=time.monotonic)
    lines: deque[Any] = field(default_factory=lambda: deque(maxlen=_SHOWN))  # metrics, the last
    audited: Any = None  # the metrics of the last step that was audited
    quotes: list[Quote] = field(default_factory=list)
    first: dict[str, Any] = field(default_factory=dict)  # rates of the first validation seen
    last: dict[str, Any] = field(default_factory=dict)
    first_at: int = 0
    last_at: int = 0

    def take(self, event: Event) -> None:
        """Fold an event in."""
        match event:
            case RunStarted():
                self.out, self.start, self.steps = event.out, event.start, event.steps
                self.step, self.notes, self.began = event.start, event.notes, time.monotonic()
                self.budget = event.budget
                self.done = self.done_before = self._share(event.spent)
            case Phase():
                self.phase = event.name
            case StepDone():
                self.step, self.phase = event.step + 1, "done"
                counted = ("cost/sampled_tokens", "cost/trained_tokens")
                self.done = self._share(sum(event.metrics.get(name, 0) for name in counted))
                self.lines.append(event.metrics)
                if "audit/alarm" in event.metrics:
                    self.audited = event.metrics
                self.quotes = quotes(event.episodes)
            case Validated():
                self.last, self.last_at = dict(event.report["rates"]), event.step
                if not self.first:
                    self.first, self.first_at = self.last, event.step
            case Saved():
                self.phase = "saved"

    def _share(self, spent: int) -> float:
        """How much of the run is done, 0 to 1."""
        return min(1.0, max(spent / self.budget if self.budget else 0.0, self.step / self.steps))

    @property
    def left(self) -> str:
        """Time left by the mean pace since the start, as text."""
        done = self.done - self.done_before
        if done <= 0:
            return "–"
        return duration((time.monotonic() - self.began) / done * (1 - self.done))

    @property
    def place(self) -> str:
        """How far the run is, as text."""
        if self.budget:
            return f"{self.step} ({share(self.done)} of the run)"
        return f"{self.step}/{self.steps}"


class Screen:
    """The live screen. Rich asks for it several times a second."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __rich__(self) -> RenderableType:
        state = self._state
        parts: list[RenderableType] = [_bar(state)]
        if not state.lines:
            parts += [Text(f"  {note}", style="dim") for note in state.notes]
        if state.lines:
            parts += [Text(), _step_table(state)]
        if state.last:
            parts += [Text(), _rates_table(state)]
        if state.audited and (told := audit_line([state.audited])):
            parts += [Text(), Text(told[0], style="bold red" if told[1] else "dim")]
        if state.quotes:
            parts += [Text(), _said_table(state.quotes)]
        return Group(*parts)


def _bar(state: State) -> Table:
    bar = Table.grid(padding=(0, 2))
    if state.out is None:
        bar.add_row(Text("Loading", style="bold"), Text(duration(time.monotonic() - state.began)))
        return bar
    bar.add_row(
        Text(f"Step {state.place}", style="bold"),
        ProgressBar(total=1.0, completed=state.done, width=24),
        Text(f"{duration(time.monotonic() - state.began)} gone, {state.left} left"),
        Text(state.phase, style="cyan"),
    )
    return bar


def _step_table(state: State) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("This step", no_wrap=True)
    for column in ("reward", "wins", "contrast", "faults"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("reward so far", no_wrap=True, style="green")
    for label, prefix in ROWS:
        history = [line.get(f"{prefix}/reward") for line in state.lines]
        if all(value is None for value in history):
            continue
        now = state.lines[-1]
        table.add_row(
            label,
            number(history[-1]),
            share(now.get(f"{prefix}/win_rate")) if "attacker" in prefix else "",
            share(now.get(f"{prefix}/contrast")),
            share(_faults(now, prefix)),
            trend(history),
        )
    return table


def _faults(line: Any, prefix: str) -> float | None:
    names = ("truncated", "unparseable", "unfaithful")
    known = [v for name in names if (v := line.get(f"{prefix}/fault_{name}")) is not None]
    return sum(known) if known else None


def _rates_table(state: State) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("Held-out questions, 95% interval", no_wrap=True)
    table.add_column(f"before step {state.first_at}", justify="right", no_wrap=True)
    table.add_column(f"before step {state.last_at}", justify="right", no_wrap=True)
    for name, now in state.last.items():
        table.add_row(LABELS.get(name, name), rate(state.first.get(name)), rate(now))
    return table


def _said_table(found: list[Quote]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for quote in found:
        table.add_row(str(quote.kind), Text(clip(quote.seed, 66), style="dim"))
        if quote.attack is not None:
            table.add_row("  Attacker", Text(clip(quote.attack, 120), style="red"))
        table.add_row("  Defender", Text(clip(quote.reply, 120), style="blue"))
    return table


def _log(console: Console, state: State, event: Event) -> None:
    state.take(event)
    match event:
        case RunStarted():
            last = f"{event.steps}{' or the end of the budget' if state.budget else ''}"
            _line(console, f"{event.out}: steps {event.start} to {last}")
            for note in event.notes:
                _line(console, f"  {note}")
        case Validated():
            told = ", ".join(f"{name} {rate(found)}" for name, found in state.last.items())
            _line(console, f"held-out before step {event.step}: {told}")
        case StepDone():
            earned = "  ".join(
                f"{prefix} {number(event.metrics[f'{prefix}/reward'])}"
                for _, prefix in ROWS
                if event.metrics.get(f"{prefix}/reward") is not None
            )
            _line(console, f"step {state.place}  {state.left} left  rewards: {earned}")
            if "audit/alarm" in event.metrics and (found := audit_line([event.metrics])):
                _line(console, f"    {found[0]}")
            for quote in state.quotes:
                attack = "" if quote.attack is None else f"Attacker: {clip(quote.attack, 90)} → "
                _line(console, f"    {quote.kind}: {attack}Defender: {clip(quote.reply, 90)}")


def _line(console: Console, text: str) -> None:
    console.print(Text(text), soft_wrap=True)
