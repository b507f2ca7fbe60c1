"""Made-up records of a study with known effects, and hostile texts."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from fake_run import HOSTILE

from advgame.study.analyse import FIGURES, analyse
from advgame.study.cells import asked, cells_of
from advgame.study.plan import Plan, Trial, make_plan

STUDY = f"""
name: known
base: tiny
budget_tokens: 900
seeds: [0, 1, 2]
reference: joint
arms:
  - {{name: joint, seeds: [0, 1, 2, 3], about: {json.dumps(HOSTILE[0])}}}
  - {{name: defender-only, set: {{schedule: {{type: defender-only}}}}}}
  - {{name: sequential, set: {{schedule: {{type: sequential}}}}}}
evaluate:
  seeds: 60
  primary: [harmful/plain, harmful/templates]
  attackers: [joint]
"""
SUCCESS = {"start": 0.9, "joint": 0.2, "defender-only": 0.7, "sequential": 0.25}


def make_fake_plan(folder: Path, *changes: tuple[str, str]) -> Plan:
    """The plan of the study, its file in `folder`; `changes`: what is written in place of what."""
    text = STUDY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "study.yaml"
    path.write_text(text)
    return make_plan(path)


def record(plan: Plan, trial: Trial, **changes: Any) -> dict[str, Any]:
    rng = random.Random(trial.key)
    shift = random.Random(trial.seed).uniform(-0.05, 0.05)  # what runs of one seed share
    cells = {}
    for cell in cells_of(plan, trial):
        draws = [rng.random() < SUCCESS[trial.arm] + shift for _ in range(60)]
        marks = "".join("1" if each else "0" for each in draws[:-1]) + "?"
        value = sum(draws[:-1]) / 59
        found = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 59, "unscored": 1}
        by = cell.by.hash if cell.by else None
        cells[cell.name] = {"outcomes": marks, "rate": found, "by": by}
    sets = ("harmful", "benign-edgy", "benign-everyday")
    run = {
        "steps": 4,
        "seconds": 60.0,
        "cost": {"sampled_tokens": 300, "trained_tokens": 620, "reference_tokens": 9, "flops": 7},
        "curve": {
            "step": [0, 1], "cost/sampled_tokens": [150, 300], "cost/trained_tokens": [300, 620],
            "attacker/harmful/reward": [1.0, 2.0],
        },
        "validation": [],
    }  # fmt: skip
    return {
        "arm": trial.arm,
        "seed": trial.seed,
        "config": trial.config.model_dump(mode="json"),
        "evaluation": {
            "asked": asked(plan),
            "seeds": {name: [str(n) for n in range(60)] for name in sets},
            "cells": cells,
            "prompts": {},
            "language": {name: dict.fromkeys(FIGURES, 2.0 + trial.seed) for name in sets},
            "seconds": 5.0,
        },
        **(run if trial.trains else {}),
        **changes,
    }


def make_fake_study(folder: Path) -> dict[str, Any]:
    """What `advgame study` would report of it."""
    plan = make_fake_plan(folder)
    found = analyse(plan, {trial.key: record(plan, trial) for trial in plan.trials})
    return {**found, "command": f"advgame study 'a {HOSTILE[1]}.yaml'"}
