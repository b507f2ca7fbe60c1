"""What every row shares: its result, the clock, and arms that alternate."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal, TypeAlias

import torch

from advgame.memory import release

Clock: TypeAlias = Literal["cpu", "wall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Several repeats of one number."""

    min: float
    median: float
    max: float
    repeats: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        least, most = min(values), max(values)
        return cls(min=least, median=median(values), max=most, repeats=len(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `target` bounds the median from the side that `better` names."""

    name: str
    measured: str
    against: str
    ratio: Spread
    target: float
    better: Literal["higher", "lower"] = "higher"
    unit: str = "x"
    workload: dict[str, Any]
    correctness: dict[str, Any]
    """`compared` says what was compared before anything was timed, `largest_difference` how far
    apart it was (absent where nothing was)."""
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        higher = self.ratio.median >= self.target
        return higher if self.better == "higher" else self.ratio.median <= self.target

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"met": self.met}


def clock_name() -> Clock:
    """CPU seconds of this process with one thread: other work on the machine hardly shows in
    them. With more threads they would add up, and what a GPU does is none of them: there it is
    the clock on the wall."""
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    return "cpu" if alone else "wall"


@dataclass(frozen=True, slots=True)
class Timed:
    """One call of one arm: its seconds, and how much work it says it did."""

    seconds: float
    work: float

    @property
    def rate(self) -> float:
        return self.work / self.seconds


def timed(run: Callable[[], float]) -> Timed:
    """Call `run`, which returns the work it did, and take its time by `clock_name`."""
    clock = time.process_time if clock_name() == "cpu" else time.perf_counter
    _finish()
    started = clock()
    work = run()
    _finish()
    return Timed(clock() - started, work)


def _finish() -> None:
    """Wait for what a GPU was given to do."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def tidy() -> None:
    """Free what the last arm left behind, outside of the time taken."""
    gc.collect()
    release()


def alternate(
    repeats: int, *arms: Callable[[], float], warm: bool = True
) -> list[tuple[Timed, ...]]:
    """Time the arms `repeats` times each, in turn; every other repeat runs them backwards."""
    if warm:
        for arm in arms:
            arm()
    rounds = []
    for repeat in range(repeats):
        order = list(range(len(arms)))
        spent: dict[int, Timed] = {}
        for index in order if repeat % 2 == 0 else order[::-1]:
            tidy()
            spent[index] = timed(arms[index])
        rounds.append(tuple(spent[index] for index in order))
    return rounds


def speedups(rounds: Sequence[tuple[Timed, ...]]) -> Spread:
    """How many times as much work a second the first arm does as the second."""
    return Spread.of([ours.rate / theirs.rate for ours, theirs, *_ in rounds])


def of(rounds: Sequence[tuple[Timed, ...]], arm: int) -> list[float]:
    """The seconds of one arm, rounded, for the JSON."""
    return [round(each[arm].seconds, 3) for each in rounds]


def lengths(values: Sequence[int]) -> dict[str, float]:
    """A distribution of lengths, in short."""
    ordered = sorted(values)
    return {
        "count": len(ordered),
        "min": ordered[0],
        "median": median(ordered),
        "max": ordered[-1],
        "sum": sum(ordered),
    }
