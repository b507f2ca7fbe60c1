"""A whole step of the game, against the same game put together from `generate` and TRL.

Both arms play our stages with our judges. In theirs the moves are drawn by `generate`, in full,
and then replaced by those our sampler drew to the same request: from there on the tree, the
judgements and the pairs are the same, so that both arms do the same work to the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import torch

from advgame.train import learn
from advgame.types import Completion, Pair, Role, SampleRequest
from benchmarks.bench import Bench
from benchmarks.common import Row, alternate, of, speedups
from benchmarks.peer_generate import GenerateSampler
from benchmarks.peer_trl import TrlPlayer, dpo
from benchmarks.workload import Step, lessons, seated


class Replaced(GenerateSampler):
    """Draws by `generate`, then returns what was drawn before to the same request."""

    def __init__(self, step: Step, role: Role, peer: TrlPlayer) -> None:
        super().__init__(peer.model, peer.network.tokenizer, step.budget(role))
        self._known = dict(zip(step.requests[role], step.drawn[role], strict=True))

    async def sample(self, requests: Sequence[SampleRequest], /) -> list[tuple[Completion, ...]]:
        self.draw(requests)
        return [self._known[request] for request in requests]


def measure(bench: Bench) -> Row:
    step = bench.step()
    peers = {role: _peer(bench, step, role) for role in Role}
    samplers = {role: Replaced(step, role, peers[role]) for role in Role}
    their_rounds = seated(step.world, dict(samplers))
    losses: dict[str, float] = {}
    seconds: dict[str, Any] = {}
    trees: list[Any] = []  # compared after the last repeat: that takes time, too

    def ours() -> float:
        step.reset()
        played = asyncio.run(step.world.rounds.play(0, _unwatched))
        stats = learn(step.world, played, 0)
        step.world.average(stats)
        step.world.push(0)  # the same version as the round that was kept
        trees.append(played.all)
        seconds["advgame"] = dict(played.seconds)
        for name, updates in stats.items():
            for done in updates:
                if done is not None:
                    losses.setdefault(f"advgame {name}", done.loss)
        return 1

    def theirs() -> float:
        step.reset()
        # Or `generate` would draw from what the last repeat taught, as ours does not.
        for role, peer in peers.items():
            peer.load(step.weights[role].tensors("start"))
        played = asyncio.run(their_rounds.play(0, _unwatched))
        for role, updates in lessons(step.config, played.all).items():
            for examples in updates:
                pairs = [one for one in examples if isinstance(one, Pair)]
                losses.setdefault(f"peer {role}", peers[role].step(pairs).loss)
        trees.append(played.all)
        seconds["peer"] = dict(played.seconds)
        return 1

    torch.manual_seed(0)
    rounds = alternate(1 if bench.quick else bench.repeats, ours, theirs, warm=False)
    return Row(
        name="step",
        measured="whole step: rollouts, judging, both updates",
        against="the same game from generate + TRL",
        ratio=speedups(rounds),
        target=3.0,
        workload=step.describe(),
        correctness={
            "compared": "every move, judgement and reward of both arms (equal); loss of the "
            "first update of each player (TRL's SFT term averages over the tokens of a batch, "
            "ours over the pairs)",
            "largest_difference": max(
                abs(losses[f"advgame {role}"] - losses[f"peer {role}"])
                for role in Role
                if step.pairs(role)
            ),
            "same_tree": all(tree == step.episodes for tree in trees),
            "losses": losses,
        },
        detail={
            "advgame_s": of(rounds, 0),
            "peer_s": of(rounds, 1),
            "stages_wall_s": seconds,
            "generate_tokens": {role.value: samplers[role].cost.sampled_tokens for role in Role},
        },
    )


def _peer(bench: Bench, step: Step, role: Role) -> TrlPlayer:
    player = step.config.player(role)
    return TrlPlayer(player, bench.folder(), *dpo(player.learn))


def _unwatched(_step: int, _stage: str) -> None:
    """Nobody watches a round that is timed."""
