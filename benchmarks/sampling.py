"""Our in-process sampler against `transformers.generate`: the same model, prompts and settings.

    OMP_NUM_THREADS=1 python benchmarks/sampling.py [--model M] [--prompts 16] [--replies 4]

Prints a line of JSON for each setting: new tokens a second for each of the two, by CPU time of this
process (robust when the machine is shared) and by wall time, the best of `--repeats` runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable

import torch

from advgame.config.players import AdapterConfig, PlayerConfig
from advgame.engines.hf import HfSampler
from advgame.models.build import build_players
from advgame.types import Message, Role, SampleRequest, Sampling

TOPICS = (
    *("the moon", "bread", "volcanoes", "rain", "Rome", "bicycles", "tomatoes", "French"),
    *("the sky", "sleep", "chess", "jazz", "tea", "black holes", "saving money", "dogs"),
    *("rivers", "glass", "honey", "maps", "clocks", "wool", "salt", "bees"),
)
EXAMPLES = tuple(
    Message(role=role, content=text)
    for topic in TOPICS[-8:]
    for role, text in (
        ("user", f"Rewrite this request in other words: Tell me about {topic}."),
        (
            "assistant",
            f"I would like to learn the main things about {topic}. Can you help?",
        ),
    )
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--replies", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    player = PlayerConfig(model=options.model, dtype="float32", adapter=AdapterConfig())
    weights = build_players(player, player, seed=0)[Role.DEFENDER]
    sampler = HfSampler(weights)
    for shots, top_p in ((0, 1.0), (0, 0.9), (8, 1.0)):
        requests = [
            SampleRequest(
                messages=(
                    *EXAMPLES[: 2 * shots],
                    Message(role="user", content=f"Tell me something useful about {topic}."),
                ),
                seeds=tuple(range(options.replies * i, options.replies * (i + 1))),
                sampling=Sampling(temperature=0.7, top_p=top_p, max_new_tokens=options.tokens),
            )
            for i, topic in enumerate((TOPICS * 9)[: options.prompts])
        ]
        prompts = [
            c.prompt_ids for (c, *_) in asyncio.run(sampler.sample([_short(r) for r in requests]))
        ]

        def ours(requests: list[SampleRequest] = requests) -> int:
            drawn = asyncio.run(sampler.sample(requests))
            return sum(len(c.token_ids) for replies in drawn for c in replies)

        def generate(prompts: list[tuple[int, ...]] = prompts, top_p: float = top_p) -> int:
            return _generate(weights, prompts, options, top_p)

        best = {"advgame": (0.0, 0.0), "generate": (0.0, 0.0)}
        for _ in range(options.repeats):
            for name, run in (("advgame", ours), ("generate", generate)):
                speed = _speed(run)
                best[name] = max(best[name][0], speed[0]), max(best[name][1], speed[1])
        line = {
            "threads": torch.get_num_threads(),
            **vars(options),
            "examples": shots,
            "top_p": top_p,
            "prompt_tokens": max(map(len, prompts)),
            "tokens_per_cpu_second": {name: round(cpu, 1) for name, (cpu, _) in best.items()},
            "tokens_per_second": {name: round(wall, 1) for name, (_, wall) in best.items()},
            "ratio_cpu": round(best["advgame"][0] / best["generate"][0], 2),
            "ratio_wall": round(best["advgame"][1] / best["generate"][1], 2),
        }
        print(json.dumps(line), flush=True)


def _short(request: SampleRequest) -> SampleRequest:
    sampling = Sampling(temperature=0.0, max_new_tokens=1)
    return SampleRequest(messages=request.messages, seeds=request.seeds[:1], sampling=sampling)


def _generate(weights, prompts, options, top_p) -> int:
    width, end = max(map(len, prompts)), weights.tokenizer.eos_token_id
    ids = torch.tensor([[end] * (width - len(p)) + list(p) for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    with weights.use("sampler") as model, torch.inference_mode():
        out = model.generate(
            input_ids=ids,
            attention_mask=mask,
            do_sample=True,
            temperature=0.7,
            top_k=0,
            top_p=top_p,
            num_return_sequences=options.replies,
            max_new_tokens=options.tokens,
        )
    rows = out[:, width:].tolist()
    return sum(row.index(end) + 1 if end in row else len(row) for row in rows)


def _speed(run: Callable[[], int]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    tokens = run()
    return tokens / (time.process_time() - cpu), tokens / (time.perf_counter() - wall)


if __name__ == "__main__":
    main()
