"""What is measured of each run: which attack meets which Defender on which set of seeds.

A cell of a record is asked anew where it

* was asked otherwise: other seeds, wrappers or judge          `asked`, kept in the cell
* met the Attacker of another configuration                    `by`, its hash
* met one of the same configuration that was trained anew      `prompts`, see `Folders.lacking`
                                                               and `current`

`usable` is a record less the first two (what another study asked stays), `valid` less what this
study does not ask, too: what `analyse` sees. Two runs are compared where their cells were filled by
the same prompts on the same seeds: `outcomes.alike`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from advgame.derive import digest
from advgame.study.config import FixedAttack
from advgame.study.outcomes import Record, evaluation
from advgame.study.plan import DEFAULTS, START, Plan, Trial, changed

HARMFUL = "harmful"
UNTRAINED = "untrained attacker"
OWN = "own attacker"
_MEASURING = ("seeds.harmful", "judges.evaluation", "judges.defender", "judges.faithfulness")


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


def to_be_asked_by(plan: Plan, trial: Trial) -> dict[str, str | None]:
    """Whose prompts are to fill each cell of a run, as its record will say."""
    return {cell.name: cell.by.hash if cell.by else None for cell in cells_of(plan, trial)}


def needs(plan: Plan, trial: Trial) -> tuple[str, ...]:
    """The other runs whose Attackers a run is measured with."""
    keys = (cell.by.key for cell in cells_of(plan, trial) if cell.by is not None)
    return tuple(key for key in dict.fromkeys(keys) if key != trial.key)


def asked(plan: Plan, cell: Cell | None = None) -> str:
    """A hash of how a cell is measured: seeds, set, wrappers and judge, whose Attacker apart.

    Without a cell, of how the study measures all of them; by this alone older records tell. Of what
    is not the default, so that a key that is new leaves it as it was.
    """
    start = plan.of(START)[0].config.model_dump(mode="json", include={"seeds", "judges"})
    apart = {"attackers", "primary"} | ({"benign", "fixed"} if cell else set())
    parts: list[object] = [
        plan.study.evaluate.model_dump(mode="json", exclude=apart, exclude_defaults=True),
        {k: v for k, v in changed(start, DEFAULTS).items() if k.startswith(_MEASURING)},
    ]
    if cell:
        fixed = cell.fixed and cell.fixed.model_dump(mode="json", exclude={"name"})
        parts += [cell.set, fixed, cell.defender]
    return digest(*parts)[:16]


def usable(plan: Plan, trial: Trial, record: Record | None) -> Record | None:
    """A run's record less the cells that were asked otherwise, or by another Attacker, than today.

    Cells of which this study knows nothing stay: another one may share its records. None where the
    run is another, or nothing of it is left.
    """
    if record is None or trial.differs(record["config"]):
        return None
    found, known = evaluation(record), {cell.name: cell for cell in cells_of(plan, trial)}
    alike = found["asked"] == asked(plan)

    def stays(name: str, held: Any) -> bool:
        if (cell := known.get(name)) is None:
            return alike or "asked" in held
        same = held["asked"] == asked(plan, cell) if "asked" in held else alike
        return bool(same and held["by"] == (cell.by.hash if cell.by else None))

    cells = {name: held for name, held in found["cells"].items() if stays(name, held)}
    if found["cells"] and not cells:
        return None
    return {**record, "evaluation": {**found, "cells": cells}}


def valid(plan: Plan, trial: Trial, record: Record | None) -> Record | None:
    """A run's record with the cells that answer today's questions; None where the run is another.

    A cell is left out if it was asked otherwise, or another Attacker's prompts filled it.
    """
    if (known := usable(plan, trial, record)) is None:
        return None
    found, asks = evaluation(known), to_be_asked_by(plan, trial)
    cells = {name: cell for name, cell in found["cells"].items() if name in asks}
    return {**known, "evaluation": {**found, "cells": cells}}


def current(plan: Plan, records: Mapping[str, Record]) -> dict[str, Record]:
    """Records less the cells that met an Attacker which has been trained anew since.

    Such cells are measured again; where the Defender's weights are gone they stay out.
    """
    own = f"{HARMFUL}/{OWN}@start"
    wrote = {
        key: evaluation(each)["cells"].get(own, {}).get("prompts") for key, each in records.items()
    }

    def less(trial: Trial, record: Record) -> Record:
        found = evaluation(record)
        by = {cell.name: cell.by.key for cell in cells_of(plan, trial) if cell.by is not None}
        old = {
            name
            for name, held in found["cells"].items()
            if held.get("prompts") and wrote.get(by.get(name, "")) not in (None, held["prompts"])
        }
        cells = {name: held for name, held in found["cells"].items() if name not in old}
        return {**record, "evaluation": {**found, "cells": cells}}

    return {t.key: less(t, records[t.key]) for t in plan.trials if t.key in records}


def missing(plan: Plan, trial: Trial, record: Record | None) -> tuple[str, ...]:
    """The names of the cells that a run's record lacks or that another question filled."""
    known = valid(plan, trial, record)
    have = evaluation(known)["cells"] if known else {}
    return tuple(cell.name for cell in cells_of(plan, trial) if cell.name not in have)
