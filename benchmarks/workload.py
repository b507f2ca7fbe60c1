"""The work of one `laptop` step, played once and then given to every arm.

A step of the preset is played by our own modules from its first weights. What the samplers were
asked for and what the players can learn from it is kept: the rows take their prompts, replies and
pairs from there, so their lengths and numbers are those a run really has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from advgame.config import RunConfig
from advgame.config.load import load
from advgame.credit import build as build_credit
from advgame.engines.hf import HfSampler
from advgame.models.chat import render
from advgame.models.weights import PlayerWeights
from advgame.protocols import Sampler
from advgame.rounds import Rounds
from advgame.schedule import splits
from advgame.seats import seat_of
from advgame.types import (
    Completion,
    Cost,
    Episode,
    Example,
    Pair,
    Role,
    SampleRequest,
    Scored,
)
from advgame.world import World, build_world
from benchmarks.common import lengths

QUICK = (  # a seed of each sort, half the prompts; too few for a share of past selves
    "pool=null",
    "seeds.attacked.harmful=1",
    "seeds.attacked.benign=1",
    "seeds.direct.harmful=1",
    "seeds.direct.benign=1",
    "game.prompts_per_seed=2",
)

SAME_WORK = (  # what TRL's DPO lacks, and the round that the reference results are of
    *(
        f"{role.value}.learn.{key}"
        for role in Role
        for key in ("objective.kl=0", "objective.entropy=0", "minibatches=1")
    ),
    "seeds.attacked.harmful=7",
    "seeds.direct={harmful: 6, benign: 13}",
    "seeds.again={harmful: 0, benign: 0}",
    "defender.guide.weights=playing",
)


class Recording:
    """A `Sampler` that remembers what was asked of another one, and what came back."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self.requests: list[SampleRequest] = []
        self.drawn: list[tuple[Completion, ...]] = []

    async def sample(self, requests: Sequence[SampleRequest], /) -> list[tuple[Completion, ...]]:
        drawn = await self._sampler.sample(requests)
        self.requests += requests
        self.drawn += drawn
        return drawn

    @property
    def version(self) -> int:
        return self._sampler.version

    @property
    def cost(self) -> Cost:
        return self._sampler.cost


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """What a step asked for, drew and can learn from; by role."""

    config: RunConfig
    world: World
    weights: dict[Role, PlayerWeights]
    requests: dict[Role, list[SampleRequest]]
    drawn: dict[Role, list[tuple[Completion, ...]]]
    episodes: tuple[Episode[Scored], ...]
    examples: dict[Role, list[list[Example]]]
    """One list for each optimiser step."""

    def sampler(self, role: Role) -> HfSampler:
        """A new sampler on the weights that play `role`."""
        return HfSampler(self.weights[role], self.budget(role), "sampler")

    def budget(self, role: Role) -> int:
        """Most tokens of a sampling wave, as configured."""
        return budget_of(self.config, role)

    def reset(self) -> None:
        """Put all sets back to the first weights, and forget the sentences the encoder has seen."""
        for weights in self.weights.values():
            for name in ("policy", "ema", "sampler"):
                weights.copy("start", name)
        encoder = getattr(self.world.rounds.table.check, "_embedder", None)  # the judges' own, too
        if encoder is not None:
            encoder._cache.clear()

    def updates(self, role: Role) -> list[list[Pair]]:
        """The pairs of each optimiser step that the player takes."""
        return [
            [one for one in examples if isinstance(one, Pair)] for examples in self.examples[role]
        ]

    def pairs(self, role: Role) -> list[Pair]:
        return [pair for pairs in self.updates(role) for pair in pairs]

    def describe(self) -> dict[str, Any]:
        """P, n and the lengths in tokens, for the JSON."""
        return {role.value: self._describe(role) for role in Role}

    def _describe(self, role: Role) -> dict[str, Any]:
        drawn = [one for row in self.drawn[role] for one in row]
        pairs = self.pairs(role)
        tokenizer = self.weights[role].tokenizer
        read = [
            len(render(tokenizer, one.context or one.messages, one.prefill))
            for one in self.requests[role]
        ]
        return {
            "requests": len(self.requests[role]),
            "replies": len(drawn),
            "prompt_tokens": lengths([len(row[0].prompt_ids) for row in self.drawn[role]]),
            "read_tokens": lengths(read),  # the same with the guides that are sampled after
            "reply_tokens": lengths([len(one.token_ids) for one in drawn]),
            "pairs": len(pairs),
            "pairs_of_updates": [len(each) for each in self.updates(role)],
            "prompts_of_pairs": len({pair.chosen.prompt_ids for pair in pairs}),
        }


def budget_of(config: RunConfig, role: Role) -> int:
    engine: Any = config.player(role).engine
    return int(engine.batch_tokens)


def config_of(preset: str, quick: bool, threads: int) -> RunConfig:
    parts = QUICK if quick else ()
    return load(preset, [*SAME_WORK, *parts, f"train.threads={threads}"])


def seated(world: World, samplers: dict[Role, Sampler]) -> Rounds:
    """The rounds of `world`, its roles played through `samplers`."""
    seats = {role: seat_of(world.config, role, sampler) for role, sampler in samplers.items()}
    return replace(world.rounds, seat=lambda role, source: seats[role])


def lessons(
    config: RunConfig, episodes: Sequence[Episode[Scored]]
) -> dict[Role, list[list[Example]]]:
    """What each player learns from, a list an optimiser step; steps without an example left out."""
    found: dict[Role, list[list[Example]]] = {}
    for role in Role:
        credit = build_credit(config.player(role).learn.credit_or_default)
        each = (
            credit([one for one in episodes if one.seed.kind in kinds], role)
            for kinds in splits(config.train.update)
        )
        found[role] = [examples for examples in each if examples]
    return found


def play_step(config: RunConfig, stack: ExitStack, step: int = 0) -> Step:
    """Build the world of `config` and play the round of `step` with its first weights."""
    folder = stack.enter_context(TemporaryDirectory())
    world = stack.enter_context(build_world(config, Path(folder)))
    world.push(step)
    weights = {Role(player.name): player.learner.weights for player in world.players}
    recordings = {
        role: Recording(HfSampler(weights[role], budget_of(config, role), "sampler"))
        for role in Role
    }
    rounds = seated(world, dict(recordings))
    played = asyncio.run(rounds.play(step, lambda step, name: None))
    return Step(
        config=config,
        world=world,
        weights=weights,
        requests={role: recordings[role].requests for role in Role},
        drawn={role: recordings[role].drawn for role in Role},
        episodes=played.all,
        examples=lessons(config, played.all),
    )
