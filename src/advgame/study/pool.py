"""Work in as many processes as are wanted, in order, until nothing is left that can be done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from advgame.study.job import BUSY

_PATIENCE = 5.0  # seconds until work that another process holds is tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something to be done once all tasks in `after` are settled: done, not due, or failed."""

    name: str
    key: str
    after: tuple[str, ...] = ()


class Running(Protocol):
    """A started task: what of `subprocess.Popen` is needed."""

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...

    def wait(self) -> int:
        """Wait for its end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Told what happens."""

    started: Callable[[Task], None] = lambda task: None
    ended: Callable[[Task, int, float], None] = lambda task, code, seconds: None
    tick: Callable[[Sequence[Task], int], None] = lambda running, left: None


def drive(
    tasks: Sequence[Task],
    *,
    workers: int,
    start: Callable[[Task], Running],
    due: Callable[[Task], bool],
    watcher: Watcher,
    pause: float = 0.2,
) -> tuple[Task, ...]:
    """Do all tasks, at most `workers` at once; return those that failed.

    A task that is not due when its turn comes is settled without a process. One whose process
    exits with `BUSY` is tried again later. Whatever ends this function, also Ctrl-C, ends the
    processes.
    """
    waiting = list(tasks)
    running: dict[str, tuple[Task, Running, float]] = {}
    settled: set[str] = set()
    failed: list[Task] = []
    not_before: dict[str, float] = {}

    def ready() -> Task | None:
        now = time.monotonic()
        for task in waiting:
            if settled.issuperset(task.after) and not_before.get(task.name, 0.0) <= now:
                return task
        return None

    try:
        while waiting or running:
            while len(running) < workers and (task := ready()):
                waiting.remove(task)
                if not due(task):
                    settled.add(task.name)
                    continue
                watcher.started(task)
                running[task.name] = (task, start(task), time.monotonic())
            watcher.tick([task for task, _, _ in running.values()], len(waiting))
            time.sleep(pause)
            for name, (task, process, begun) in list(running.items()):
                code = process.poll()
                if code is None:
                    continue
                del running[name]
                watcher.ended(task, code, time.monotonic() - begun)
                if code == BUSY:
                    not_before[name] = time.monotonic() + _PATIENCE
                    waiting.append(task)
                    continue
                settled.add(name)
                if code:
                    failed.append(task)
    finally:
        for _, process, _ in running.values():
            process.kill()
        for _, process, _ in running.values():
            process.wait()
    return tuple(failed)
