"""What a step costs as it grows: seeds, prompts a seed, replies a prompt, reply length.

Each is grown alone and a straight line is fitted by least squares; the number is the largest
distance of a point from its line, as a share of the point. A full run goes on beyond the fitted
points, to where one sampling wave holds no more, and says where cost leaves the line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from advgame.learn import LocalLearner
from advgame.types import Pair, Role, SampleRequest
from benchmarks.bench import Bench
from benchmarks.common import Row, Spread, tidy, timed
from benchmarks.rows.update import plain_dpo
from benchmarks.workload import Step


@dataclass(frozen=True, slots=True)
class Size:
    """Seeds, A, D, and new tokens of a move."""

    seeds: int = 2
    prompts: int = 2
    replies: int = 4
    length: int = 16


def measure(bench: Bench) -> Row:
    step = bench.step()
    fitted, beyond = ((1, 2, 3), ()) if bench.quick else ((1, 2, 3, 4, 6), (10, 16))
    base = Size()
    _cost(step, base)
    lines: dict[str, dict[str, object]] = {}
    worst: dict[str, float] = {}
    for name in ("seeds", "prompts", "replies", "length"):
        factors = (*fitted, *beyond)
        sizes = [replace(base, **{name: getattr(base, name) * factor}) for factor in factors]
        passes = []  # each over all sizes, so that another load meets them all alike
        for _ in range(1 if bench.quick else 3):
            tidy()
            passes.append([_cost(step, size) for size in sizes])
        spent = [min(each) for each in zip(*passes, strict=True)]
        values = [getattr(size, name) for size in sizes]
        slope, start = np.polyfit(values[: len(fitted)], spent[: len(fitted)], 1)
        far = [float(s - (start + slope * v)) / s for v, s in zip(values, spent, strict=True)]
        lines[name] = {
            "values": values,
            "seconds": [round(each, 3) for each in spent],
            "start_s": round(float(start), 3),
            "slope_s": round(float(slope), 4),
            "off_line": [round(each, 3) for each in far],
            "fitted": len(fitted),  # the points after these were not
            "bends_at": bend(values[len(fitted) :], far[len(fitted) :]),
            "passes": len(passes),  # of which the quickest counts
        }
        worst[name] = max(abs(each) for each in far[: len(fitted)])
    return Row(
        name="growth",
        measured="cost over seeds, A, D, length",
        against="a straight line",
        ratio=Spread.of([max(worst.values())]),
        target=0.05,
        better="lower",
        unit="share",
        workload={
            "base": {name: getattr(base, name) for name in lines},
            "is": "rollouts of both players and the Defender's update, end tokens ignored",
        },
        correctness={
            "compared": "tokens drawn at each size, with those it asks for",
            "largest_difference": 0,
        },
        detail=lines,
    )


def bend(values: Sequence[int], off_line: Sequence[float]) -> int | None:
    """The size from which on cost stays more than 5% off the line; None where it does not."""
    found = None
    for value, far in zip(values, off_line, strict=True):
        if abs(far) <= 0.05:
            found = None
        elif found is None:
            found = value
    return found


def _cost(step: Step, size: Size) -> float:
    """Seconds of sampling seeds x A prompts and a reply to each D times, and of learning."""
    attacker, defender = step.sampler(Role.ATTACKER), step.sampler(Role.DEFENDER)
    attacker._stop = defender._stop = frozenset()  # every move is as long as it may be
    player = step.config.player(Role.DEFENDER)
    learner = LocalLearner(step.weights[Role.DEFENDER], plain_dpo(player), total_updates=1_000)
    asked = [
        _wanted(request, size.prompts, size.length)
        for request in _several(step.requests[Role.ATTACKER], size.seeds)
    ]
    answered = [
        _wanted(request, size.replies, size.length)
        for request in _several(step.requests[Role.DEFENDER], size.seeds * size.prompts)
    ]

    def run() -> float:
        drawn = asyncio.run(attacker.sample(asked)), asyncio.run(defender.sample(answered))
        tokens = sum(len(one.token_ids) for rows in drawn for row in rows for one in row)
        moves = size.seeds * size.prompts * (1 + size.replies)
        assert tokens == moves * size.length, (tokens, size)
        learner.update(
            [
                Pair(chosen=a, rejected=b)
                for row in drawn[1]
                for a, b in zip(row[0::2], row[1::2], strict=True)
            ]
        )
        return tokens

    torch.manual_seed(0)
    return timed(run).seconds


def _several(requests: list[SampleRequest], count: int) -> list[SampleRequest]:
    """`count` plain requests, no two with the same chat: repeated ones get a number."""
    plain = [replace(request, context=None) for request in requests]
    found = []
    for index in range(count):
        request = plain[index % len(plain)]
        *before, last = request.messages
        numbered = replace(last, content=f"{index} {last.content}")
        found.append(replace(request, messages=(*before, numbered)))
    return found


def _wanted(request: SampleRequest, count: int, length: int) -> SampleRequest:
    sampling = replace(request.sampling, max_new_tokens=length)
    return replace(request, seeds=tuple(range(count)), sampling=sampling)
