"""What the driver spends on an episode besides models: schedule, round, credit, metrics, records.

Samplers and judges are simulated: they answer at once, from replies made beforehand.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from advgame.config import RunConfig
from advgame.config.load import load
from advgame.game.play import Table, play
from advgame.game.rewards import build_rule
from advgame.game.score import Bench as Judges
from advgame.memory import settled
from advgame.metrics.rollouts import summarise
from advgame.protocols import JudgeGroup
from advgame.rounds import turn_seeds
from advgame.schedule import turns
from advgame.seats import seat_of
from advgame.seeds.load import SeedPool
from advgame.store import RunFolder
from advgame.types import Completion, Cost, Finish, Judgement, Kind, Role, SampleRequest, Seed
from benchmarks.bench import Bench
from benchmarks.common import Row, Spread
from benchmarks.workload import lessons

WORDS = [f"word{number}" for number in range(3_000)]
PROMPT_TOKENS, REPLY_TOKENS = 80, 40
STAGES = ("schedule", "round", "credit", "metrics", "records")


class Simulated:
    """Sampler, judge and check that cost next to nothing; replies are chosen by their seed."""

    def __init__(self) -> None:
        rng = random.Random(0)
        self._replies = [_completion(rng) for _ in range(512)]
        self.cost, self.version = Cost(), 0

    async def sample(self, requests: Sequence[SampleRequest], /) -> list[tuple[Completion, ...]]:
        kept = self._replies
        return [tuple(kept[seed % len(kept)] for seed in each.seeds) for each in requests]

    async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
        return [
            tuple(
                Judgement(value=len(reply) % 11, details={"harm": 0.5, "refusal": 0.5})
                for reply in group.replies
            )
            for group in groups
        ]

    async def check(self, prompts: Sequence[tuple[Seed, str]], /) -> list[Judgement]:
        return [Judgement(value=1.0, details={"cosine": 0.9})] * len(prompts)


def measure(bench: Bench) -> Row:
    sizes = (1_000, 10_000) if bench.quick else (1_000, 3_000, 10_000)
    found: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for _ in range(bench.repeats):
        for size in sizes:
            found[size].append(step(size))
    last = found[sizes[-1]]
    return Row(
        name="driver",
        measured=f"driver, ms an episode at {sizes[-1]:,}",
        against="1 ms",
        ratio=Spread.of([each["all"] for each in last]),
        target=1.0,
        better="lower",
        unit="ms",
        workload={
            "episodes": list(sizes),
            "episode": "2 prompts of 2 replies each, plain attacked seeds",
            "prompt_tokens": PROMPT_TOKENS,
            "reply_tokens": REPLY_TOKENS,
        },
        correctness={
            "compared": "episodes, moves and lines written, with those asked for (equal)",
            "largest_difference": 0,
        },
        detail={
            "ms_an_episode": {
                str(size): {name: min(each[name] for each in rows) for name in (*STAGES, "all")}
                for size, rows in found.items()
            },
            "largest_size_over_smallest": round(
                min(each["all"] for each in last) / min(each["all"] for each in found[sizes[0]]), 2
            ),
        },
    )


def step(episodes: int) -> dict[str, float]:
    """CPU milliseconds an episode of one step, by stage."""
    config = _config(episodes)
    table, judges, pool = _table(config), _judges(config), _pool(episodes)
    marks = [time.process_time()]
    with (
        TemporaryDirectory() as path,
        RunFolder.open(Path(path), RunConfig()) as run,
        settled(),  # as `train` has it
    ):
        run.rewind(0)
        marks = [time.process_time()]
        (turn,) = turns(config, 0)
        seeds = turn_seeds(config, pool, turn, 0)
        marks.append(time.process_time())
        played = asyncio.run(play(seeds, table, judges, draw=(0, "train-0", 0)))
        marks.append(time.process_time())
        examples = lessons(config, played)
        marks.append(time.process_time())
        metrics = summarise(played, config.game.copy_above)
        marks.append(time.process_time())
        run.write_step(0, metrics, played)
        marks.append(time.process_time())
        with (run.path / "episodes" / "step-000000.jsonl").open() as lines:
            assert sum(1 for _ in lines) == len(played) == episodes
    assert all(len(branch.replies) == 2 for one in played for branch in one.branches)
    assert all(examples.values())
    spent = [after - before for before, after in pairwise(marks)]
    named = {
        name: each * 1e3 / episodes
        for name, each in zip((*STAGES, "all"), (*spent, sum(spent)), strict=True)
    }
    return {name: round(value, 4) for name, value in named.items()}


def _config(episodes: int) -> RunConfig:
    return load(
        "laptop",
        [
            f"seeds.attacked.harmful={episodes // 2}",
            f"seeds.attacked.benign={episodes - episodes // 2}",
            "seeds.direct.harmful=0",
            "seeds.direct.benign=0",
            "game.prompts_per_seed=2",
            "game.replies_per_prompt=2",
        ],
    )


def _table(config: RunConfig) -> Table:
    engine = Simulated()
    return Table(
        attacker=seat_of(config, Role.ATTACKER, engine),
        defender=seat_of(config, Role.DEFENDER, engine),
        check=engine,
        prompts_per_seed=config.game.prompts_per_seed,
        replies_per_prompt=config.game.replies_per_prompt,
        direct_replies=config.game.replies_per_prompt,
        drift_ratio=config.game.drift_ratio,
    )


def _judges(config: RunConfig) -> Judges:
    judge: Any = Simulated()
    return Judges(
        defender=judge,
        attacker=judge,
        defender_rule=build_rule(config.game.defender_reward),
        attacker_rule=build_rule(config.game.attacker_reward),
        faults=config.game.faults,
        attacker_reply=config.game.attacker_reply,
        judge_against=config.game.judge_against,
    )


def _pool(size: int) -> SeedPool:
    rng = random.Random(1)
    by_kind = {
        kind: tuple(
            Seed(id=f"{kind}-{i}", text=" ".join(rng.choices(WORDS, k=15)), kind=kind)
            for i in range(size)
        )
        for kind in Kind
    }
    return SeedPool(harmful=by_kind[Kind.HARMFUL], benign=by_kind[Kind.BENIGN])


def _completion(rng: random.Random) -> Completion:
    return Completion(
        prompt_ids=tuple(rng.choices(range(49_152), k=PROMPT_TOKENS)),
        token_ids=tuple(rng.choices(range(49_152), k=REPLY_TOKENS)),
        logprobs=tuple(-5 * rng.random() for _ in range(REPLY_TOKENS)),
        text=" ".join(rng.choices(WORDS, k=REPLY_TOKENS * 3 // 4)),
        finish=Finish.STOP,
        policy_version=0,
    )
