"""What the driver spends on an episode besides the game: metrics and records. Prints JSON.

    python benchmarks/driver_overhead.py [EPISODES] [PROMPTS] [REPLIES] [TOKENS]

The aim is at most 1 ms an episode at 10,000 episodes a step.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path

from advgame.config import RunConfig
from advgame.metrics.rollouts import summarise
from advgame.store import RunFolder
from advgame.types import (
    Branch,
    Completion,
    Episode,
    Finish,
    Judgement,
    Kind,
    Move,
    Reward,
    Scored,
    Seed,
)

WORDS = [f"word{number}" for number in range(3_000)]
PROMPT_TOKENS = 80


def main(episodes: int = 10_000, prompts: int = 2, replies: int = 2, tokens: int = 40) -> None:
    rng = random.Random(0)
    played = [_episode(rng, i, prompts, replies, tokens) for i in range(episodes)]
    with tempfile.TemporaryDirectory() as path, RunFolder.open(Path(path), RunConfig()) as run:
        run.rewind(0)
        marks = [(time.perf_counter(), time.process_time())]
        metrics = summarise(played)
        marks.append((time.perf_counter(), time.process_time()))
        run.write_step(0, metrics, played)
        marks.append((time.perf_counter(), time.process_time()))
        size = (run.path / "episodes" / "step-000000.jsonl").stat().st_size
    names = ("summarise", "write_step")
    spent = {
        f"{name}_{clock}_ms": round((after[i] - before[i]) * 1e3 / episodes, 3)
        for name, before, after in zip(names, marks, marks[1:], strict=False)
        for i, clock in enumerate(("wall", "cpu"))
    }
    print(json.dumps({"episodes": episodes, **spent, "kB": round(size / episodes / 1e3, 1)}))


def _episode(
    rng: random.Random, row: int, prompts: int, replies: int, tokens: int
) -> Episode[Scored]:
    def scored(name: str) -> Scored:
        completion = Completion(
            prompt_ids=tuple(rng.choices(range(49_152), k=PROMPT_TOKENS)),
            token_ids=tuple(rng.choices(range(49_152), k=tokens)),
            logprobs=tuple(-5 * rng.random() for _ in range(tokens)),
            text=" ".join(rng.choices(WORDS, k=tokens * 3 // 4)),
            finish=Finish.STOP,
            policy_version=1,
        )
        value = 10 * rng.random()
        return Scored(
            move=Move(text=completion.text, completion=completion),
            reward=Reward(value=value),
            judgements={name: Judgement(value=value, details={"harm": 0.5, "refusal": 0.5})},
        )

    kind = Kind.HARMFUL if row % 2 else Kind.BENIGN
    seed = Seed(id=str(row), text=" ".join(rng.choices(WORDS, k=15)), kind=kind)
    branch = [
        Branch(scored("attack"), tuple(scored("reply") for _ in range(replies)))
        for _ in range(prompts)
    ]
    return Episode(seed, tuple(branch))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
