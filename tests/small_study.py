"""A study of two arms on the tiny preset, done in this process, and stopped where one likes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from advgame.study.folders import Folders
from advgame.study.job import work
from advgame.study.plan import Plan
from advgame.study.run import due, tasks

STUDY = """
name: small
base: tiny
set:
  train: {validation: {every: 0}}
  seeds: {harmful: [harmful.jsonl], benign: [benign.jsonl]}  # small: reading ours takes seconds
budget_tokens: 700
seeds: [0]
reference: joint
arms:
  - {name: joint}
  - {name: red, set: {schedule: {type: attacker-only}}}
evaluate: {seeds: 3, benign: [benign.jsonl], attackers: [joint, red]}
"""


class Words:
    """Embeds a text as the unit vector of its length."""

    def embed(self, texts: Sequence[str], /) -> np.ndarray:
        angles = np.array([len(text) for text in texts], dtype=np.float32)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)


class StoppedError(Exception):
    """In the place of a kill."""


def write_seeds(folder: Path, *, train: str = "", test: Sequence[str] = "01234") -> None:
    """Five seeds a split, of which those of two splits can be others."""
    for kind in ("harmful", "benign"):
        rows: list[Mapping[str, Any]] = [
            {"text": f"{kind} request {number} about {split}{extra}", "split": split}
            for split, extra, numbers in (
                ("train", train, "01234"),
                ("validation", "", "01234"),
                ("test", "", test),
            )
            for number in numbers
        ]
        (folder / f"{kind}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def go(plan: Plan, folders: Folders, stop: str = "") -> None:
    """Do what the pool would do, in this process, until `stop` is said."""

    def say(text: str) -> None:
        if stop and stop in text:
            raise StoppedError

    for task in tasks(plan):
        if due(plan, folders, task):
            work(plan, plan.by_key(task.key), folders, say=say)
