"""How near decoding comes to the roofline of this machine.

A step of decoding reads every weight once and the keys and values of all rows, and multiplies each
weight with each row: it takes no less than max(bytes / bandwidth, operations / GEMM rate).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from statistics import median
from typing import Any

import torch

from advgame.config import RunConfig
from advgame.engines.rollout import rollout
from advgame.engines.waves import Group, waves
from advgame.engines.waves import Row as Reply
from advgame.models.flops import Shape, forward_flops
from advgame.models.lora import fused_forwards, patched
from advgame.types import Role, Sampling
from benchmarks.bench import Bench
from benchmarks.common import Row, Spread, timed
from benchmarks.products import gemm_rate, read_rate
from benchmarks.workload import Step, config_of

NEW = 24


def measure(bench: Bench) -> Row:
    step = bench.step()
    weights = step.weights[Role.DEFENDER]
    with weights.use("sampler") as model:
        dtype = next(model.parameters()).dtype
        shape = Shape.of(model.config)
        held = sum(p.nbytes for name, p in model.named_parameters() if ".lora_" not in name)
    full = _full(step, rows_of(config_of(bench.preset, quick=False, threads=bench.threads)))
    most = _size(full)
    points: list[dict[str, float]] = []
    peaks = gemm_rate(dtype, weights.device), read_rate(weights.device)
    ratios: list[float] = []
    for rows in sorted({8, most} if bench.quick else {1, 8, 32, most}):
        wave = full if rows == most else _wave(step, rows)
        with (  # as the engine has it
            weights.use("sampler") as model,
            torch.inference_mode(),
            patched(fused_forwards(model)),
        ):
            rollout(model, _cut(wave, 2), frozenset())
            found = []
            for _ in range(bench.repeats if rows == most else 1):
                long = timed(lambda m=model, w=wave: _tokens(m, w, NEW)).seconds
                short = timed(lambda m=model, w=wave: _tokens(m, w, 1)).seconds
                found.append((long - short) / (NEW - 1))
        flops = forward_flops(shape, rows, _context(wave), rows)
        # Keys and values: a prompt's once for all its replies, a reply's own each.
        kept = sum(len(g.prompt) for g in wave) + rows * (NEW + 1) / 2
        read = held + kept * 2 * shape.layers * shape.kv_heads * shape.head_dim * dtype.itemsize
        floor = max(flops / peaks[0], read / peaks[1])
        each = median(found)
        if rows == most:
            ratios = [floor / one for one in found]
        points.append(
            {
                "rows": rows,
                "ms_a_step": round(each * 1e3, 2),
                "floor_ms": round(floor * 1e3, 2),
                "flop_per_byte": round(flops / read, 1),
                "gflop_per_s": round(flops / each / 1e9, 1),
                "share_of_roofline": round(floor / each, 3),
            }
        )
    return Row(
        name="decode",
        measured=f"decoding at {most} rows, share of the roofline",
        against="bandwidth and GEMM rate measured here",
        ratio=Spread.of(ratios),
        target=0.5,
        unit="share",
        workload={"rows": most, "new_tokens": NEW, "prompts": len(full)},
        correctness={"compared": "nothing here; see the row rollouts: the same engine"},
        detail={
            "dtype": str(dtype).removeprefix("torch."),
            "gemm_gflop_per_s": round(peaks[0] / 1e9, 1),
            "read_gb_per_s": round(peaks[1] / 1e9, 2),
            "points": points,
        },
    )


def rows_of(config: RunConfig) -> int:
    """Replies of the Defender in a step."""
    attacked, direct, game = config.seeds.attacked, config.seeds.direct, config.game
    prompts = (attacked.harmful + attacked.benign) * game.prompts_per_seed
    alone = game.direct_replies or game.replies_per_prompt
    return prompts * game.replies_per_prompt + (direct.harmful + direct.benign) * alone


def _full(step: Step, rows: int) -> list[Group]:
    """The largest wave the engine makes of so many replies: it holds `engine.batch_tokens`."""
    asked = _cut(_wave(step, rows), step.config.defender.sampling.max_new_tokens)
    return list(max(waves(asked, step.budget(Role.DEFENDER)), key=lambda wave: _size(wave)))


def _size(wave: Sequence[Group]) -> int:
    return sum(len(group.rows) for group in wave)


def _wave(step: Step, rows: int) -> list[Group]:
    """So many replies, each group with a prompt of the step and as many replies as it had; where
    the step has fewer, its prompts come again."""
    wave: list[Group] = []
    left = rows
    for index, drawn in enumerate(cycle(step.drawn[Role.DEFENDER])):
        count = min(len(drawn), left)
        sampling = Sampling(temperature=0.7, max_new_tokens=NEW)
        asked = tuple(Reply(index, place, place, sampling) for place in range(count))
        wave.append(Group(drawn[0].prompt_ids, asked))
        left -= count
        if not left:
            return wave
    raise ValueError("a step without replies")


def _cut(wave: list[Group], tokens: int) -> list[Group]:
    """The same wave with fewer tokens a reply."""
    sampling = Sampling(temperature=0.7, max_new_tokens=tokens)
    return [
        Group(group.prompt, tuple(Reply(r.request, r.reply, r.seed, sampling) for r in group.rows))
        for group in wave
    ]


def _tokens(model: Any, wave: list[Group], tokens: int) -> float:
    """Draw `tokens` tokens a reply: without end tokens, all rows stay to the end."""
    drawn = rollout(model, _cut(wave, tokens), frozenset())
    return sum(len(reply.tokens) for reply in drawn)


def _context(wave: list[Group]) -> float:
    """Mean number of positions a new token attends to."""
    rows = [len(group.prompt) for group in wave for _ in group.rows]
    return sum(rows) / len(rows) + (NEW + 1) / 2
