"""Whatever moment a run dies at, continuing it ends where an uninterrupted run ends."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_run import in_child, make_config, run_to_end, state_after, tree

from advgame.store import open_readonly

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

TOUCHES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}


def die_at(count: int, work: Callable[[], None]) -> Callable[[], None]:
    """`work`, killed just before its `count`-th operation on the file system."""
    left = count

    def touch() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def killed() -> None:
        os.fsync = lambda descriptor: touch()  # a killed process loses no written page
        sys.addaudithook(lambda event, args: touch() if event in TOUCHES else None)
        work()

    return killed


def check_state(path: Path) -> None:
    """What is on the disk is consistent, before anything repairs it."""
    if not (path / "config.yaml").exists():
        return
    reader = open_readonly(path)
    found = reader.latest()
    assert reader.notes == [], "a kill left a checkpoint that is not whole"
    start = 0
    if found is not None:
        start = found.step
        assert json.loads((found.folder("attacker") / "a.json").read_text()) == state_after(start)
        assert json.loads((found.folder("defender") / "b").read_text()) == state_after(start)
    recorded = [line["step"] for line in reader.metrics()]
    assert recorded == list(range(len(recorded)))
    assert len(recorded) >= start
    assert set(reader.episode_steps()) >= set(recorded)


def test_killed_before_every_single_file_operation(
    tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    config = make_config()
    expected = tree(finished)
    kills = 0
    while True:
        path = tmp_path / f"run-{kills}"
        child = in_child(die_at(kills + 1, lambda path=path: run_to_end(path, config)))
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            break
        check_state(path)
        run_to_end(path, config)
        assert tree(path) == expected, f"killed before file operation {kills + 1}"
        kills += 1
    assert kills > 100


def test_killed_again_and_again_at_random_moments(tmp_path: Path, finished: Path) -> None:
    config, rng, kills, runs = make_config(), random.Random(11), 0, 0
    started = time.perf_counter()
    run_to_end(tmp_path / "timed", config)
    longest = time.perf_counter() - started
    while kills < 40:
        runs += 1
        path, alive = tmp_path / f"run-{runs}", False
        while kills < 40 and not alive:
            child = in_child(lambda path=path: run_to_end(path, config))
            time.sleep(rng.uniform(0, longest))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            alive = not os.WIFSIGNALED(status)
            kills += not alive
            check_state(path)
        run_to_end(path, config)
        assert tree(path) == tree(finished)


def test_an_interrupt_while_saving_leaves_nothing_behind(tmp_path: Path) -> None:
    from advgame.store import RunFolder

    def interrupted(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise KeyboardInterrupt

    with RunFolder.open(tmp_path / "run", make_config()) as run:
        run.rewind(0)
        with pytest.raises(KeyboardInterrupt):
            run.save(1, {"attacker": interrupted}, {})
        assert list((run.path / "checkpoints").iterdir()) == []
        assert run.latest() is None
