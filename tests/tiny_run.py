"""A run without a model: its state is a number that every step changes, so doubles, holes and
lost state all show."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from advgame.config import RunConfig
from advgame.store import RunFolder
from advgame.types import (
    Branch,
    Completion,
    Episode,
    Finish,
    Judgement,
    Kind,
    Move,
    Reward,
    Scored,
    Seed,
)

STEPS = 3


def make_config(**changes: object) -> RunConfig:
    save = {"every": 2, "keep_last": 1}
    train = {"steps": STEPS, "save": save, **changes}
    return RunConfig.model_validate({"train": train})


def make_episode(step: int, row: int = 0, tokens: int = 3) -> Episode[Scored]:
    def scored(text: str, name: str) -> Scored:
        completion = Completion(
            prompt_ids=tuple(range(tokens)),
            token_ids=tuple(range(step, step + tokens)),
            logprobs=tuple(-0.1 * t - 1 / 3 for t in range(tokens)),
            text=text,
            finish=Finish.STOP,
            policy_version=step,
        )
        return Scored(
            move=Move(text=text, completion=completion),
            reward=Reward(value=step / 7),
            judgements={name: Judgement(value=step / 7, details={"length": float(row)})},
        )

    seed = Seed(id=f"s{row}", text="How does a lock work?", kind=Kind.BENIGN)
    replies = (scored(f"reply {step}", "reply"), scored("no", "reply"))
    return Episode(seed, (Branch(scored(f"prompt {step}", "attack"), replies),))


def next_state(state: int, step: int) -> int:
    return (state * 1_103_515_245 + step + 12_345) % 2**31


def state_after(steps: int) -> int:
    state = 1
    for step in range(steps):
        state = next_state(state, step)
    return state


def run_to_end(path: Path, config: RunConfig) -> None:
    """The order of the training loop, with a number for the weights."""
    with RunFolder.open(path, config, resume=True) as run:
        found = run.latest()
        start = found.step if found else 0
        state = json.loads((found.folder("attacker") / "a.json").read_text()) if found else 1
        run.rewind(start)
        if start == 0:
            run.write_validation(0, {"state": state})
        for step in range(start, config.train.steps):
            state = next_state(state, step)
            run.write_validation(step + 1, {"state": state})
            metrics = {"state": state}
            run.write_step(step, metrics, [make_episode(step, row) for row in range(2)])
            if (step + 1) % 2 == 0 or step + 1 == config.train.steps:
                writers = {"attacker": _writer(state, "a.json"), "defender": _writer(state, "b")}
                run.save(step + 1, writers, metrics)
        run.write_summary({"state": state})


def _writer(state: int, name: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_text(json.dumps(state))
        (folder / "deep").mkdir()
        (folder / "deep" / "weights").write_bytes(bytes(range(256)) * 16)

    return write


def tree(path: Path) -> dict[str, bytes]:
    """Every file of a run folder but the lock."""
    files = {p.relative_to(path).as_posix(): p for p in path.rglob("*") if p.is_file()}
    return {name: p.read_bytes() for name, p in sorted(files.items()) if name != ".lock"}


def in_child(work: Callable[[], None]) -> int:
    """Fork, do `work`, and return the child's pid; it exits 0, or 1 after a traceback."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
