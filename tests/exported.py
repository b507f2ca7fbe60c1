"""Trained players to export, and what they say: what an export must say too."""

from __future__ import annotations

import asyncio
from pathlib import Path

from advgame.config import load
from advgame.engines.hf import HfSampler
from advgame.learn.checkpoint import load_weights
from advgame.models.build import build_players
from advgame.store.select import Which, resolve_checkpoint
from advgame.train import train
from advgame.types import Completion, Message, Role, SampleRequest, Sampling

FULL = ("attacker.adapter=null", "defender.adapter=null")


def train_loud(folder: Path, *overrides: str) -> Path:
    """Train two tiny players so that it shows in what they say, into `folder`."""
    fast = ("train.steps=2", "train.threads=1", "train.validation.every=0")
    loud = ("attacker.learn.lr=0.05", "defender.learn.lr=0.05")
    train(load("tiny", [*fast, *loud, *overrides]), folder)
    return folder


def greedy(prompt: str, tokens: int = 16) -> SampleRequest:
    """Ask for the likeliest reply."""
    return SampleRequest(
        messages=(Message(role="user", content=prompt),),
        seeds=(0,),
        sampling=Sampling(temperature=0.0, max_new_tokens=tokens),
    )


def said_by_player(
    run: Path, role: Role, *requests: SampleRequest, trained: bool = True, step: Which = None
) -> list[Completion]:
    """What a player of a run replies, or what it replied after `step` or before it was trained."""
    config = load(str(run))
    weights = build_players(config.attacker, config.defender, config.seed)[role]
    plays = (config.attacker if role is Role.ATTACKER else config.defender).learn.sample_from
    if trained:
        load_weights(resolve_checkpoint(run, step).folder(role.value), weights, (plays,))
    drawn = asyncio.run(HfSampler(weights, 4096, plays).sample(requests))
    return [completion for [completion] in drawn]
