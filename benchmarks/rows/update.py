"""A step's DPO updates of both players, against TRL's training step on the same pairs."""

from __future__ import annotations

from typing import Any

import torch

from advgame.config.players import DPOConfig, LearnConfig, PlayerConfig
from advgame.learn import LocalLearner
from advgame.models.adapters import AdapterWeights
from advgame.models.network import Network, load_network
from advgame.types import Pair, Role
from benchmarks.bench import Bench
from benchmarks.common import Row, alternate, of, speedups
from benchmarks.peer_trl import TrlPlayer

BETA = 0.1


def plain_dpo(player: PlayerConfig) -> LearnConfig:
    """The player's own settings with an objective that both sides write alike."""
    return player.learn.model_copy(update={"objective": DPOConfig(beta=BETA)})


def measure(bench: Bench) -> Row:
    step = bench.step()
    defender = step.config.player(Role.DEFENDER)
    few = 2 if bench.quick else 4
    differences = {
        dtype: compare(bench, defender, step.pairs(Role.DEFENDER), dtype, few)
        for dtype in dict.fromkeys(("float32", defender.dtype))
    }
    learners, peers = {}, {}
    for role in Role:
        player = step.config.player(role)
        learners[role] = LocalLearner(step.weights[role], plain_dpo(player), total_updates=1_000)
        peers[role] = TrlPlayer(player, bench.folder(), BETA, 0.0)
    seen: dict[str, Any] = {}

    def ours() -> float:
        for role in Role:
            done = [learners[role].update(pairs) for pairs in step.updates(role)]
            seen[f"advgame {role}"] = sum(each.cost.trained_tokens for each in done)
        return 1

    def theirs() -> float:
        for role in Role:
            seen[f"TRL {role}"] = sum(
                peers[role].step(pairs).tokens for pairs in step.updates(role)
            )
        return 1

    rounds = alternate(bench.repeats, ours, theirs, warm=not bench.quick)
    return Row(
        name="update",
        measured="preference update of both players",
        against="TRL 1.16, its DPO step",
        ratio=speedups(rounds),
        target=3.0,
        workload=step.describe()
        | {"objective": f"DPO, beta {BETA}", "adapter": repr(defender.adapter)},
        correctness={
            "compared": "loss, and gradient after clipping (relative norm of the difference), of "
            f"{few} pairs from adapters that are not zero",
            "largest_difference": differences["float32"]["gradient"],
            "by_dtype": differences,
        },
        detail={
            "advgame_s": of(rounds, 0),
            "trl_s": of(rounds, 1),
            "policy_tokens_forwarded": seen,
        },
    )


def compare(
    bench: Bench, player: PlayerConfig, pairs: list[Pair], dtype: Any, count: int = 4
) -> dict[str, float]:
    """Loss and gradient of both sides from the same adapters, their B drawn at random."""
    player = player.model_copy(update={"dtype": dtype})
    few = pairs[:count]
    network = load_network(player.model, dtype, player.device)
    weights = stirred(network, player)
    learner = LocalLearner(weights, plain_dpo(player), total_updates=1_000)
    peer = TrlPlayer(player, bench.folder(), BETA, 0.0)
    peer.load(weights.tensors("policy"))
    mine, theirs = learner.update(few), peer.step(few)
    moments = learner.optimizer.tensors()  # after one step: the clipped gradient, scaled
    state = peer.trainer.optimizer.state
    ours = torch.cat([moments[f"{name}.exp_avg"].flatten() for name in peer.adapters()])
    other = torch.cat([state[each]["exp_avg"].flatten() for each in peer.adapters().values()])
    return {
        "loss": abs(mine.loss - theirs.loss),
        "gradient": float((ours - other).norm() / other.norm()),
        "loss_of_trl": theirs.loss,
    }


def stirred(network: Network, player: PlayerConfig) -> AdapterWeights:
    """A player whose policy has moved away from its reference."""
    assert player.adapter is not None
    weights = AdapterWeights(network, "player", player.adapter, 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in weights.parameters().items():
            if ".lora_B." in name:
                parameter.normal_(0, 0.02, generator=generator)
    return weights
