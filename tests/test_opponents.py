"""The pool of past selves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from advgame.config import load
from advgame.errors import StoreError
from advgame.opponents import Opponents
from advgame.store.reader import open_readonly
from advgame.train import train
from advgame.types import Role

POOL = ["train.threads=1", "train.validation.every=0", "train.steps=5", "seeds.attacked.harmful=4"]


def test_past_selves_are_met_and_do_not_learn(tmp_path: Path) -> None:
    pool = "pool={share: 0.5, every: 2, size: 1}"
    train(load("tiny", [*POOL, pool]), tmp_path / "run")
    versions = set()
    for step in range(5):
        for episode in open_readonly(tmp_path / "run").episodes(step):
            for branch in episode.branches:
                if branch.attack.move.completion is not None:
                    versions.add((step, branch.attack.move.completion.policy_version))
    met = {(step, step) for step in range(5)} | {(1, 0), (2, 0), (3, 2), (4, 2)}
    assert versions == met  # the present Attacker, and the newest of the pool


@pytest.mark.parametrize("plays", ["policy", "ema"])
def test_a_past_self_plays_with_the_weights_of_its_step(tmp_path: Path, plays: str) -> None:
    pool = ["pool={share: 0.5, every: 2, size: 4}", "train.save.keep_last=9"]
    chosen = [f"{role}.learn.sample_from={plays}" for role in ("attacker", "defender")]
    train(load("tiny", [*POOL, *pool, *chosen]), tmp_path / "run")
    for role in ("attacker", "defender"):
        saved = load_file(tmp_path / f"run/checkpoints/step-000002/{role}/{plays}.safetensors")
        past = load_file(tmp_path / f"run/pool/step-000002/{role}.safetensors")
        assert past.keys() == saved.keys()
        assert all(torch.equal(past[name], saved[name]) for name in saved)

    def seat(role: Role, sampler: object) -> object:
        return sampler

    weights = {role: Weights() for role in Role}
    opponents = Opponents(tmp_path / "run/pool", weights, {}, lambda role, _: Sampler(), seat)
    for role, step in [(Role.ATTACKER, 2), (Role.DEFENDER, 4), (Role.DEFENDER, 2)]:
        assert opponents.seat(role, step).version == step
        of_step = load_file(tmp_path / f"run/pool/step-{step:06d}/{role}.safetensors")
        assert all(torch.equal(weights[role].past[name], of_step[name]) for name in of_step)


class Weights:
    """Remembers what was loaded as the past self."""

    def load(self, name: str, tensors: dict[str, torch.Tensor]) -> None:
        assert name == "past"
        self.past = tensors


class Sampler:
    """Remembers which step it was told to be of."""

    def pushed(self, version: int) -> None:
        self.version = version


def test_past_selves_that_no_step_can_meet_leave_the_disk(tmp_path: Path) -> None:
    """Of the last checkpoint and of the one before, should that one be damaged."""
    pool = ["pool={share: 0.5, every: 1, size: 2}", "train.save.keep_last=2", "train.steps=7"]
    train(load("tiny", [*POOL, *pool]), tmp_path / "run")
    kept = sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir())
    assert kept == ["step-000006", "step-000007"]
    left = sorted(path.name for path in (tmp_path / "run/pool").iterdir())
    assert left == ["step-000004", "step-000005", "step-000006"]

    shutil.rmtree(tmp_path / "run/checkpoints/step-000007")
    train(load("tiny", [*POOL, *pool]), tmp_path / "run", resume=True)
    assert sorted(path.name for path in (tmp_path / "run/pool").iterdir()) == left


def test_a_missing_snapshot_is_named(tmp_path: Path) -> None:
    pool = Opponents(tmp_path, {Role.ATTACKER: Weights()}, {}, None, None)
    with pytest.raises(StoreError, match="step-000003"):
        pool.seat(Role.ATTACKER, 3)


@pytest.mark.parametrize("harm", ["torn", "altered"])
def test_a_torn_or_altered_snapshot_is_named(tmp_path: Path, harm: str) -> None:
    pool = "pool={share: 0.5, every: 1, size: 4}"
    train(load("tiny", [*POOL, pool, "train.steps=3"]), tmp_path / "run")
    for file in (tmp_path / "run/pool").rglob("*.safetensors"):
        data = file.read_bytes()
        file.write_bytes(data[:100] if harm == "torn" else data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(StoreError, match=rf"pool/step-00000\d/\w+.safetensors is {harm}"):
        train(load("tiny", [*POOL, pool]), tmp_path / "run", resume=True)


def test_a_resumed_run_makes_later_past_selves_anew(tmp_path: Path) -> None:
    pool = "pool={share: 0.5, every: 1, size: 4}"
    train(load("tiny", [*POOL, pool]), tmp_path / "run")
    later = tmp_path / "run/pool/step-000004"
    before = {file.name: file.read_bytes() for file in later.iterdir()}
    for file in later.glob("*.safetensors"):
        file.write_bytes(b"of another trajectory")
    for step in (4, 5):
        shutil.rmtree(tmp_path / f"run/checkpoints/step-{step:06d}", ignore_errors=True)
    train(load("tiny", [*POOL, pool]), tmp_path / "run", resume=True)
    assert {file.name: file.read_bytes() for file in later.iterdir()} == before
