"""The order of work, with processes that are numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from advgame.study import pool
from advgame.study.job import BUSY
from advgame.study.pool import Task, Watcher, drive


@dataclass
class Process:
    """Ends with the first of `codes` after `polls` looks."""

    code: int
    polls: int = 1
    killed: bool = False

    def poll(self) -> int | None:
        self.polls -= 1
        return self.code if self.polls < 0 else None

    def kill(self) -> None:
        self.killed = True

    def wait(self) -> int:
        return self.code


@dataclass
class Shop:
    codes: dict[str, list[int]] = field(default_factory=dict)
    polls: dict[str, int] = field(default_factory=dict)
    idle: set[str] = field(default_factory=set)
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    most: int = 0
    processes: list[Process] = field(default_factory=list)

    def start(self, task: Task) -> Process:
        code = self.codes.get(task.name, [0]).pop(0) if self.codes.get(task.name) else 0
        process = Process(code, self.polls.get(task.name, 1))
        self.begun.append(task.name)
        self.processes.append(process)
        return process

    def drive(self, tasks: list[Task], workers: int = 2) -> list[str]:
        watcher = Watcher(
            ended=lambda task, code, seconds: self.ended.append(task.name),
            tick=lambda running, left: setattr(self, "most", max(self.most, len(running))),
        )
        failed = drive(
            tasks,
            workers=workers,
            start=self.start,
            due=lambda task: task.name not in self.idle,
            watcher=watcher,
            pause=0.0,
        )
        return [task.name for task in failed]


def task(name: str, *after: str) -> Task:
    return Task(name=name, key=name, after=after)


def test_a_task_waits_for_what_it_needs_and_others_go_first() -> None:
    shop = Shop(polls={"a": 6})
    assert shop.drive([task("a"), task("b", "a"), task("c"), task("d")]) == []
    assert shop.begun == ["a", "c", "d", "b"]
    assert shop.most == 2


def test_what_is_not_due_needs_no_process_and_holds_nobody_up() -> None:
    shop = Shop(idle={"a"})
    shop.drive([task("a"), task("b", "a")], workers=1)
    assert shop.begun == ["b"]


def test_a_failure_is_returned_and_the_rest_is_done() -> None:
    shop = Shop(codes={"a": [2]})
    assert shop.drive([task("a"), task("b", "a"), task("c")]) == ["a"]
    assert sorted(shop.begun) == ["a", "b", "c"]


def test_work_held_by_another_process_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_PATIENCE", 0.0)
    shop = Shop(codes={"a": [BUSY, BUSY, 0]})
    assert shop.drive([task("a"), task("b")]) == []
    assert shop.begun.count("a") == 3


def test_ctrl_c_ends_the_processes() -> None:
    shop = Shop(polls={"a": 1000})

    def interrupted(running: object, left: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(
            [task("a")],
            workers=1,
            start=shop.start,
            due=lambda task: True,
            watcher=Watcher(tick=interrupted),
        )
    assert [process.killed for process in shop.processes] == [True]
