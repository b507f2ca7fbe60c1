"""When players learn, with which weights they play, how their learning rates fall."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from advgame.config import load
from advgame.store.reader import open_readonly
from advgame.train import train

FAST = ("train.threads=1", "train.validation.every=0")


@pytest.mark.parametrize("lag", [0, 1])
def test_with_lag_a_round_is_played_by_weights_one_push_older(tmp_path: Path, lag: int) -> None:
    train(load("tiny", [*FAST, "train.steps=3", f"train.lag={lag}"]), tmp_path / "run")
    run = open_readonly(tmp_path / "run")
    versions = [
        {
            move.move.completion.policy_version
            for episode in run.episodes(step)
            for branch in episode.branches
            for move in (branch.attack, *branch.replies)
            if move.move.completion is not None
        }
        for step in range(3)
    ]
    assert versions == [{max(0, step - lag)} for step in range(3)]


def test_in_turns_only_the_one_whose_turn_it_is_changes(tmp_path: Path) -> None:
    turns = "schedule={type: sequential, attacker_steps: 1, defender_steps: 1}"
    train(load("tiny", [*FAST, "train.steps=3", "train.save.keep_last=9", turns]), tmp_path / "run")

    def moved(who: str, step: int) -> bool:
        before, after = (
            load_file(tmp_path / f"run/checkpoints/step-{n:06d}/{who}/ema.safetensors")
            for n in (step, step + 1)
        )
        return any(not before[name].equal(after[name]) for name in before)

    moves = [moved(who, step) for step in (1, 2) for who in ("attacker", "defender")]
    assert moves == [False, True, True, False]
    lines = open_readonly(tmp_path / "run").metrics()
    assert ["attacker/loss" in line for line in lines] == [True, False, True]
    assert ["defender/loss" in line for line in lines] == [False, True, False]


@pytest.mark.parametrize("parts", [1, 2])
def test_the_rate_reaches_its_floor_with_the_last_step(tmp_path: Path, parts: int) -> None:
    how = ("defender.learn.decay=cosine", f"defender.learn.minibatches={parts}")
    train(load("tiny", [*FAST, "train.steps=4", *how]), tmp_path / "run")
    rates = [line["defender/lr"] for line in open_readonly(tmp_path / "run").metrics()]
    assert rates[1] > 0.75e-3
    assert 2e-4 <= rates[-1] < 3e-4
