"""A committed run: what is played, judged, credited and learned stays what it was.

To renew after a deliberate change: `python tests/e2e/test_golden.py`.
"""

from __future__ import annotations

import json
import tempfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from advgame.config import load
from advgame.store.reader import open_readonly
from advgame.train import train

GOLDEN = Path(__file__).parents[1] / "golden" / "run.json"
# Bundled seeds alone; an objective of each family; guided replies, direct seeds, a pool.
OPTIONS = (
    "train.steps=3",
    "train.threads=1",
    "train.validation.every=3",
    "seeds={harmful: [harmful-plain], benign: [benign-edgy], attacked: {harmful: 2, benign: 2}}",
    "attacker.learn.objective={type: grpo}",
    "defender.learn.objective={type: dpo, nll: 0.1}",
    "defender.guide={harmful: 1, benign: 1}",
    "game.attacker_reward={type: judged, copy_above: 0.8, diversity: 1.0}",
    "pool={share: 0.5, every: 1}",
)


def played(out: Path) -> list[dict[str, Any]]:
    """Of each step: its metrics, what each move said (a checksum) and what it earned."""
    train(load("tiny", OPTIONS), out)
    run = open_readonly(out)
    steps = []
    for line in run.metrics():
        moves = [
            move
            for episode in run.episodes(line["step"])
            for branch in episode.branches
            for move in (branch.attack, *branch.replies)
        ]
        steps.append(
            {
                "said": [zlib.crc32(each.move.text.encode()) for each in moves],
                "earned": [each.reward.value for each in moves],
                "metrics": {name: value for name, value in line.items() if name != "time"},
            }
        )
    return steps


def test_the_run_is_the_committed_one(tmp_path: Path) -> None:
    got, expected = played(tmp_path / "run"), json.loads(GOLDEN.read_text())
    assert len(got) == len(expected)
    for found, want in zip(got, expected, strict=True):
        assert found["said"] == want["said"]
        assert found["earned"] == pytest.approx(want["earned"], abs=1e-6)
        assert found["metrics"].keys() == want["metrics"].keys()
        for name, value in want["metrics"].items():
            # Another processor adds in another order.
            near = None if value is None else pytest.approx(value, rel=1e-3, abs=1e-5)
            assert found["metrics"][name] == near, name


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        GOLDEN.write_text(json.dumps(played(Path(scratch) / "run"), indent=1) + "\n")
