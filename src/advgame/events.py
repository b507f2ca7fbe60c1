"""What a run tells whoever watches it (the live view, tests). Values only; nobody answers back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from advgame.types import Episode, Scored


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run folder is locked and the players are ready; steps [start, steps) follow."""

    out: Path
    start: int
    steps: int
    notes: tuple[str, ...]  # device, dtype, threads, what was resumed
    budget: int | None = None  # tokens that end the run, where there is a budget
    spent: int = 0  # of them, before `start`


@dataclass(frozen=True, slots=True)
class Phase:
    """A named piece of work inside a step: attack, check, defend, judge, learn, validate, save."""

    step: int
    name: str


@dataclass(frozen=True, slots=True)
class StepDone:
    """One finished step: its line of metrics and what was played."""

    step: int
    metrics: Mapping[str, Any]
    episodes: Sequence[Episode[Scored]]


@dataclass(frozen=True, slots=True)
class Validated:
    """Validation before step `step`: the content of validation/step-N.json."""

    step: int
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Saved:
    """A complete checkpoint lies at `path`."""

    step: int
    path: Path


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The content of summary.json."""

    out: Path
    summary: Mapping[str, Any]


Event: TypeAlias = RunStarted | Phase | StepDone | Validated | Saved | RunFinished
Observer: TypeAlias = Callable[[Event], None]
