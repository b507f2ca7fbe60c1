"""`kill -9` at any moment, saving included: the run ends as one that was never killed."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest
from left import assert_same
from warm import Command, announce

from advgame.config import load
from advgame.store.reader import open_readonly
from advgame.train import train

STEPS = 10
OPTIONS = ["train.threads=1", f"train.steps={STEPS}", "train.validation.every=5", "train.lag=1"]
# Every other life ends while saving; a life is at most two steps, so there are enough of them.
PHASES = ["RunStarted", "attack", "defend", "judge", "learn", "done"]
KILLS = 8


@pytest.mark.slow
def test_kill_9_at_random_moments(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(load("tiny", OPTIONS), whole)
    draw = random.Random(0)
    kills = 0
    for life in range(40):
        process = Command(
            *("train", "tiny", *OPTIONS, "--out", str(broken), "--resume"),
            log=tmp_path / f"life-{life}",
            before=announce,
        )
        phase = "save" if life % 2 else draw.choice(PHASES)
        if kills < KILLS and process.wait_for(f"{phase}]"):
            time.sleep(draw.uniform(0.0, 0.05))
            process.signal(signal.SIGKILL)
        code = process.wait()
        assert code in (0, -signal.SIGKILL), process.err
        kills += code != 0
        reader = open_readonly(broken)
        reader.latest()
        assert reader.notes == []  # a killed save leaves the checkpoint whole or absent
        if code == 0:
            break
    assert kills >= 4
    assert_same(broken, whole)
