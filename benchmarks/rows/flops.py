"""How near the learner comes to the matrix products it is made of."""

from __future__ import annotations

import torch

from advgame.learn import LocalLearner
from advgame.types import Role
from benchmarks.bench import Bench
from benchmarks.common import Row, Spread, timed
from benchmarks.products import Products, gemm_rate
from benchmarks.rows.update import plain_dpo


def measure(bench: Bench) -> Row:
    step, role = bench.step(), Role.DEFENDER
    player = step.config.player(role)
    learner = LocalLearner(step.weights[role], plain_dpo(player), total_updates=1_000)

    def updates() -> float:
        return sum(learner.update(pairs).cost.flops for pairs in step.updates(role))

    with Products() as products:
        counted = updates()
    ours, floor = [], []
    for _ in range(bench.repeats):
        ours.append(timed(updates).seconds)
        floor.append(products.seconds())
    rates = [products.flops / each for each in ours]
    shapes = sorted(products.counts.items(), key=lambda item: -item[1])[:6]
    return Row(
        name="flops",
        measured="learner, share of the GEMM rate",
        against="its own products, nothing between",
        ratio=Spread.of([least / each for least, each in zip(floor, ours, strict=True)]),
        target=0.7,
        unit="share",
        workload={role.value: step.describe()[role.value]},
        correctness={
            "compared": "operations of all products recorded, and those counted from shapes "
            "(attention apart); relative",
            "largest_difference": abs(products.flops - counted) / counted,
        },
        detail={
            "update_s": [round(each, 3) for each in ours],
            "products_alone_s": [round(each, 3) for each in floor],
            "products": sum(products.counts.values()),
            "gflop": round(products.flops / 1e9, 1),
            "flop_per_byte": round(products.flops / products.bytes, 1),
            "gflop_per_s": [round(each / 1e9, 1) for each in rates],
            "products_gflop_per_s": [round(products.flops / each / 1e9, 1) for each in floor],
            "square_gemm_gflop_per_s": {
                str(kind).removeprefix("torch."): round(
                    gemm_rate(kind, step.weights[role].device) / 1e9, 1
                )
                for kind in (torch.float32, torch.bfloat16)
            },
            "commonest": [
                [list(a.shape), list(b.shape), str(a.dtype).removeprefix("torch."), times]
                for (a, b), times in shapes
            ],
        },
    )
