"""A DPO update that takes the reference's log-probs from the sampler, against one that computes
them: where sampler and reference are the same weights and nothing is stale, they are the same."""

from __future__ import annotations

from advgame.config.players import LearnConfig
from advgame.learn import LocalLearner
from advgame.learn.pack import pack
from advgame.learn.reference import reference_logps
from advgame.types import Role
from benchmarks.bench import Bench
from benchmarks.common import Row, alternate, of, speedups
from benchmarks.rows.update import BETA, plain_dpo


def measure(bench: Bench) -> Row:
    step, role = bench.step(), Role.ATTACKER  # nothing of it is guided: all of it was recorded
    weights, pairs = step.weights[role], step.pairs(role)
    plain = plain_dpo(step.config.player(role))
    ways: dict[str, LearnConfig] = {
        "recorded": plain.model_copy(update={"reference": "recorded"}),
        "passed": plain.model_copy(update={"reference": "ema"}),
    }
    sides = tuple(dict.fromkeys(side for pair in pairs for side in (pair.chosen, pair.rejected)))
    whole = pack(sides, weights.device)
    found = {name: reference_logps(weights, whole, way) for name, way in ways.items()}
    if found["recorded"].passed is not None:
        raise RuntimeError("the reference was computed where it should have been recorded")
    apart = found["recorded"].logps_T - found["passed"].logps_T
    learners = {name: LocalLearner(weights, way, total_updates=1_000) for name, way in ways.items()}
    costs: dict[str, float] = {}

    def update(name: str) -> float:
        done = [learners[name].update(each) for each in step.updates(role)]
        costs[name] = sum(each.cost.flops for each in done)
        return 1

    rounds = alternate(bench.repeats, lambda: update("recorded"), lambda: update("passed"))
    return Row(
        name="recorded",
        measured="the Attacker's update, its reference recorded while sampling",
        against="the same with a pass of the reference",
        ratio=speedups(rounds),
        target=1.0,
        workload={role.value: step.describe()[role.value], "objective": f"DPO, beta {BETA}"},
        correctness={
            "compared": "log-probs of the reference of all tokens, recorded and passed",
            "largest_difference": float(apart.abs().max()),
            "mean_difference": float(apart.abs().mean()),
        },
        detail={
            "recorded_s": of(rounds, 0),
            "passed_s": of(rounds, 1),
            "flop": costs,
        },
    )
