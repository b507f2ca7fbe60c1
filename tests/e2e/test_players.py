"""Who plays in a run: what a player is told, with which weights, and on which model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from left import assert_same
from training import logps, recorded
from transformers import LlamaConfig, LlamaForCausalLM

from advgame.config import RunConfig, load
from advgame.evals.arena import RunPlayers
from advgame.models.tiny import tiny_tokenizer
from advgame.models.weights import SetName
from advgame.store.reader import open_readonly
from advgame.train import train
from advgame.types import Completion, Role

SETS: tuple[SetName, ...] = ("policy", "ema", "start")


def tiny(*overrides: str) -> RunConfig:
    """The tiny game, in which a few steps can be told from none."""
    loud = [f"{role}.learn.lr=0.05" for role in Role]
    return load("tiny", ["train.threads=1", "train.validation.every=0", *loud, *overrides])


def drawn(run: Path, role: Role, step: int) -> list[Completion]:
    """What a player wrote in a step."""
    branches = [each for episode in open_readonly(run).episodes(step) for each in episode.branches]
    moves = [
        scored.move
        for branch in branches
        for scored in ([branch.attack] if role is Role.ATTACKER else branch.replies)
    ]
    return [move.completion for move in moves if move.completion is not None]


def assert_played(run: Path, role: Role, step: int, plays: SetName) -> None:
    """Check that a player wrote with that set of its weights, as it was before the step."""
    players, made = RunPlayers.of(run), drawn(run, role, step)
    players.load(step)
    assert {each.policy_version for each in made} == {step}
    for name in SETS:
        with players.weights[role].use(name) as model:
            apart = float((logps(model, made) - recorded(made)).abs().max())
        assert apart < 1e-4 if name == plays else apart > 1e-2, (role, name, apart)


@pytest.mark.parametrize("role", Role)
def test_a_system_prompt_stands_in_its_own_players_chats(tmp_path: Path, role: Role) -> None:
    train(tiny("train.steps=1", f"{role}.system='Be brief, {role}.'"), tmp_path / "run")
    for who in Role:
        made = drawn(tmp_path / "run", who, 0)
        chats = [tiny_tokenizer().decode(each.prompt_ids) for each in made]
        opening = f"<|im_start|>system\nBe brief, {role}.<|im_end|>\n<|im_start|>user\n"
        assert chats and all(chat.startswith(opening) == (who is role) for chat in chats)
        assert all(("Be brief" in chat) == (who is role) for chat in chats)


@pytest.mark.parametrize(("attacker", "defender"), [("policy", "ema"), ("ema", "policy")])
def test_each_player_plays_the_weights_it_is_to_sample_from(
    tmp_path: Path, attacker: SetName, defender: SetName
) -> None:
    plays = {Role.ATTACKER: attacker, Role.DEFENDER: defender}
    options = [f"{role}.learn.sample_from={name}" for role, name in plays.items()]
    train(tiny("train.steps=2", *options), tmp_path / "run")
    for role, name in plays.items():
        assert_played(tmp_path / "run", role, 1, name)


def other_model(folder: Path) -> Path:
    """A model that is not `tiny-random`: of another shape, and with another template for chats."""
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "<|im_start|>assistant", "<|im_start|>bot"
    )
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=3,
        max_position_embeddings=1_024,
        initializer_range=0.2,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("adapter", ["adapters", "full"])
def test_players_of_two_models_learn_together(tmp_path: Path, adapter: str) -> None:
    other = [f"attacker.model={other_model(tmp_path / 'other')}"]
    if adapter == "full":
        other += [f"{role}.adapter=null" for role in Role]
    run, resumed = tmp_path / "run", tmp_path / "resumed"
    train(tiny("train.steps=2", *other), run)
    train(tiny("train.steps=1", *other), resumed)
    train(tiny("train.steps=2", *other), resumed, resume=True)
    assert_same(resumed, run)
    for role in Role:
        assert_played(run, role, 1, "ema")
    asked = {
        role: {tiny_tokenizer().decode(each.prompt_ids[-10:]) for each in drawn(run, role, 1)}
        for role in Role
    }
    assert all(end.endswith("<|im_start|>bot\n") for end in asked[Role.ATTACKER])
    assert all(end.endswith("assistant\n") for end in asked[Role.DEFENDER])
