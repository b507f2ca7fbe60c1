"""A made-up comparison in the shape of `advgame.report.comparison`, with hostile texts."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from fake_run import ANSWERS, HOSTILE, REFUSALS

GROUPS = ("joint", "sequential", "selfplay", "static")


def _rate(value: float, n: int = 120) -> dict[str, Any]:
    half = 0.9 / n**0.5
    return {"value": value, "low": max(0.0, value - half), "high": min(1.0, value + half), "n": n}


def make_comparison(seeds: int = 2) -> dict[str, Any]:
    rng = random.Random(5)
    runs = [
        {
            "name": f"{group}-{seed}",
            "group": group,
            "seed": seed,
            "steps": 120,
            "cost": {"sampled_tokens": 2.1e6, "trained_tokens": 1.2e6, "flops": 3.3e15,
                     "seconds": 2_380.0},
            "notes": HOSTILE[0] if group == "static" else "",
        }
        for group in GROUPS
        for seed in range(seeds)
    ]  # fmt: skip
    points, curves = [], []
    for place, run in enumerate(runs):
        reach = (0.75, 0.6, 0.45, 0.35)[place // seeds]
        curve = []
        for step in range(0, 121, 30):
            done = step / 120
            safety = 0.1 + reach * done + rng.uniform(-0.03, 0.03)
            utility = 0.62 - 0.12 * done * (1.2 - reach) + rng.uniform(-0.01, 0.01)
            points.append(
                {"run": run["name"], "step": step, "x": _rate(utility, 500), "y": _rate(safety)}
            )
            curve.append((step, 3 + 4 * reach * done + rng.uniform(-0.2, 0.2)))
        curves.append(
            {
                "run": run["name"],
                "points": curve,
                "band": [[y - 0.4, y + 0.4] for _, y in curve],
            }
        )
    names = [f"{group}-0" for group in GROUPS]
    return {
        "name": f"Schemes at equal compute {HOSTILE[1]}",
        "question": "Does training both players jointly make a safer Defender at equal cost?",
        "findings": [
            "joint refuses more harmful requests than static (made-up figures).",
            f"A hostile finding: {HOSTILE[3]}",
        ],
        "runs": runs,
        "trade_offs": [
            {
                "title": "Checkpoints",
                "x": {"title": "accuracy, OpenBookQA"},
                "y": {"title": "attacks withstood"},
                "points": points,
            }
        ],
        "differences": [
            {"metric": "Attacks withstood", "first": "sequential", "second": group, "value": value,
             "low": value - 0.06, "high": value + 0.06, "n": 120, "percent": True}
            for group, value in (("joint", 0.12), ("selfplay", -0.11), ("static", -0.2))
        ],
        "curves": [{"title": "Defender's reward", "percent": False, "series": curves}],
        "crossplay": {
            "rate": "Attack success",
            "attackers": names,
            "defenders": [*names, "start"],
            "cells": [
                [None if (i, j) == (1, 2) else _rate(min(1.0, 0.2 + 0.17 * j + 0.05 * (3 - i)))
                 for j in range(len(names) + 1)]
                for i in range(len(names))
            ],
            "note": "Test seeds, one attempt each.",
        },
        "exploitability": [
            {"defender": name, "untrained": _rate(0.2), "value": own, "best_response": _rate(0.55),
             "gap": own and {"value": 0.25, "low": 0.12, "high": 0.37},
             "gain": {"value": 0.35, "low": 0.2, "high": 0.48}}
            for name in names for own in [None if name == names[-1] else _rate(0.3)]
        ],
        "tables": [
            {"title": "Signs of cycling", "columns": ["run", "forgetting"],
             "rows": [["joint-0", HOSTILE[1]]]}
        ],
        "transcripts": [
            {
                "kind": ("harmful", "benign")[n % 2],
                "asked": ("plainly", "by each run's own Attacker")[n // 2 % 2],
                "seed": f"Please tell me about a lock, number {n}. {HOSTILE[n % 5]}",
                "answers": [
                    {"run": name, "step": 120, "prompt": f"As a novelist I ask {HOSTILE[2]}",
                     "reply": f"{(REFUSALS, ANSWERS)[(n + i) % 2][0]} {HOSTILE[(n + i) % 5]}"
                     if (n, i) != (2, 0) else "",
                     "success": None if n == 3 else bool((n + i) % 2),
                     "score": None if (n, i) == (2, 0) else 4.5}
                    for i, name in enumerate(names)
                ],
            }
            for n in range(20)
        ],
        "config": [{"key": "schedule.type", "values": {r["name"]: r["group"] for r in runs}}],
        "commands": [["Run the study again", "advgame train laptop"]],
    }  # fmt: skip


def make_compared() -> dict[str, Any]:
    """What `advgame compare` finds: two runs, a matrix of them, a best response."""
    rates = ("direct/harmful/attack_success", "attacked/harmful/attack_success",
             "direct/benign/over_refusal")  # fmt: skip
    runs, points = {}, []
    for place, name in enumerate(("joint", "static")):
        validation = [
            {"step": step, "tokens": 4_000 * step,
             "rates": {rate: _rate(0.8 - 0.01 * step + 0.1 * place) for rate in rates}}
            for step in (0, 15, 30)
        ]  # fmt: skip
        points += [{"run": name, **row} for row in validation]
        runs[name] = {
            "path": f"runs/{name}", "schedule": name, "seed": place, "steps": 30,
            "models": {"attacker": "m", "defender": "m"}, "finished": place == 0,
            "cost": {"sampled_tokens": 80_000, "trained_tokens": 40_000, "flops": 10**13},
            "seconds": 610.5, "validation": validation,
            "curves": {
                "step": list(range(30)), "tokens": [4_000 * (step + 1) for step in range(30)],
                "defender/harmful/direct/reward": [None, *(0.1 * step for step in range(29))],
                "attacker/harmful/win_rate": [0.5] * 30,
            },
        }  # fmt: skip
    names = ["joint@0", "joint@30"]
    change = {"value": 0.05, "low": -0.02, "high": 0.12, "n": 40}
    return {
        "runs": runs,
        "pareto": {"points": points, "fronts": {"direct": [2], "attacked": [2]}},
        "utility": [{"run": "joint", "step": 30, "task": "openbookqa", **_rate(0.3, 500)}],
        "differences": [
            {"metric": "direct/harmful/attack_success", "first": "joint", "second": "static",
             "because": "", **change},
            {"metric": "direct/benign/over_refusal", "first": "joint", "second": "static",
             "because": "evaluated by different judges",
             "value": None, "low": None, "high": None, "n": 0},
        ],
        "transcripts": [
            {"id": "1", "kind": "harmful", "mode": "attacked", "seed": HOSTILE[3], "answers": {
                name: {"prompt": "p", "reply": HOSTILE[0], "score": 1.0, "success": False}
                for name in runs}}
        ],
        "cross_play": {
            "attackers": names, "defenders": names, "seeds": 40, "outcomes": [],
            "cells": [[_rate(0.6), _rate(0.3)], [_rate(0.7), None]],
            "cycling": {"joint": {
                "defender": {"mean": change, "worst": None, "pairs": []},
                "attacker": {"mean": change, "worst": None, "pairs": []},
                "rounds": {"size": 1.25, "noise": 0.4, "share": 0.2,
                           "triples": []}}},
        },
        "exploitability": [
            {"run": "runs/joint", "step": 30, "budget_tokens": 9, "steps": 3, "cost": {},
             "untrained": _rate(0.2), "own": _rate(0.5), "best_response": _rate(0.5),
             "gap": {"value": 0.0, "low": -0.1, "high": 0.1}, "gain": change},
            {"run": "runs/static", "step": 30, "budget_tokens": 9, "steps": 3, "cost": {},
             "untrained": _rate(0.3), "own": None, "best_response": _rate(0.35),
             "gap": None, "gain": change},
        ],
    }  # fmt: skip


if __name__ == "__main__":
    from advgame.report.comparison import build_comparison

    print(build_comparison(json.loads(json.dumps(make_comparison())), Path(sys.argv[1])))
