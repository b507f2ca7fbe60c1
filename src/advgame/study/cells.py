"""What is measured of each run: which attack meets which Defender on which set of seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from advgame.study.config import FixedAttack
from advgame.study.plan import START, Plan, Trial

HARMFUL = "harmful"
UNTRAINED = "untrained attacker"
OWN = "own attacker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One attack on one Defender.

    `by` is whose Attacker wrote the prompts, `fixed` which wrappers; with neither the seeds are
    asked plainly. `defender` is the run's own, or the untrained one.
    """

    set: str
    attack: str
    by: Trial | None = None
    fixed: FixedAttack | None = None
    defender: Literal["trained", "start"] = "trained"

    @property
    def name(self) -> str:
        """SET/ATTACK, with @start where the untrained Defender answers."""
        return f"{self.set}/{self.attack}{'@start' if self.defender == 'start' else ''}"


def cells_of(plan: Plan, trial: Trial) -> tuple[Cell, ...]:
    """The cells of a run, in the order they are measured in."""
    return tuple(_cells(plan, trial))


def _cells(plan: Plan, trial: Trial) -> Iterator[Cell]:
    if trial.defender_learns or trial.arm == START:
        yield Cell(set=HARMFUL, attack="plain")
        for name in plan.study.evaluate.benign:
            yield Cell(set=name, attack="plain")
        for fixed in plan.study.evaluate.fixed:
            yield Cell(set=HARMFUL, attack=fixed.name, fixed=fixed)
        yield Cell(set=HARMFUL, attack=UNTRAINED, by=plan.of(START)[0])
        for arm, opponent in plan.opponents(trial).items():
            yield Cell(set=HARMFUL, attack=f"{arm} attacker", by=opponent)
        if trial.attacker_learns:
            yield Cell(set=HARMFUL, attack=OWN, by=trial)
    if trial.attacker_learns:
        yield Cell(set=HARMFUL, attack=OWN, by=trial, defender="start")


def needs(plan: Plan, trial: Trial) -> tuple[str, ...]:
    """The other runs whose Attackers a run is measured with."""
    keys = (cell.by.key for cell in cells_of(plan, trial) if cell.by is not None)
    return tuple(key for key in dict.fromkeys(keys) if key != trial.key)


def asked(plan: Plan) -> str:
    """A hash of how the study measures: seeds, sets and judge, which Attackers apart."""
    start = plan.of(START)[0].config
    parts = [
        plan.study.evaluate.model_dump(mode="json", exclude={"attackers", "primary"}),
        start.seeds.model_dump(mode="json", include={"harmful"}),
        start.judges.model_dump(mode="json", include={"evaluation", "defender", "faithfulness"}),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
