"""Where a study keeps what it makes.

OUT/runs/KEY        run folders: checkpoints, episodes (large, not to be committed)
OUT/answers/KEY.json    every measured answer, to be read
OUT/logs/KEY.log    what the process of a run printed
RECORDS/KEY.json    the compact record of a run (to be committed); OUT/records by default
RECORDS/attacks/KEY.json    what an Attacker made of the test seeds: a run on another machine meets
                    the same prompts, though the weights are gone
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advgame.derive import digest
from advgame.errors import StoreError
from advgame.store import manifest
from advgame.store.atomic import write_text
from advgame.store.checkpoint import numbered
from advgame.store.damage import reading
from advgame.store.reader import read_json
from advgame.study.cells import Cell, cells_of, missing, needs
from advgame.study.outcomes import evaluation
from advgame.study.plan import Plan, Trial

FORMAT = 1
MOST_BYTES = 200_000  # of a record


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of a study."""

    out: Path
    records: Path

    def run(self, key: str) -> Path:
        """The run folder of a trial."""
        return self.out / "runs" / key

    def attacks(self, key: str) -> Path:
        """The prompts of a trial's Attacker."""
        return self.records / "attacks" / f"{key}.json"

    def answers(self, key: str) -> Path:
        """All answers of a trial's Defender."""
        return self.out / "answers" / f"{key}.json"

    def log(self, key: str) -> Path:
        """What the trial's processes printed."""
        return self.out / "logs" / f"{key}.log"

    def lock(self, key: str) -> Path:
        """Held by the process that works on a trial."""
        return self.out / "locks" / f"{key}.lock"

    def weights(self, key: str) -> str | None:
        """What the last checkpoint of a finished run holds, as a hash; None while it is not."""
        run = self.run(key)
        if not (run / "summary.json").is_file():
            return None
        saved = numbered(run / "checkpoints")
        return digest(manifest.read(saved[-1][1])["files"]) if saved else None

    def holds(self, trial: Trial, record: Mapping[str, Any] | None) -> bool:
        """Whether the players that a record is of lie here: not those of half a run, or of another.

        Records of before this was written down do not say which players they are of.
        """
        weights = self.weights(trial.key)
        return weights is not None and (record or {}).get("weights", weights) == weights

    def prompts(self, key: str) -> str | None:
        """What a trial's Attacker wrote, as the hash that cells give; None while it is not here.

        Raises:
            StoreError: the file is damaged.
        """
        path = self.attacks(key)
        found = read_json(path)
        with reading(path):
            return None if found is None else digest([each["text"] for each in found["prompts"]])

    def lacking(
        self, plan: Plan, trial: Trial, record: Mapping[str, Any] | None
    ) -> tuple[str, ...]:
        """The cells that are to be measured: missing ones, and those whose prompts are others now.

        They are where an Attacker was trained anew after others had met it.
        """
        lacks = missing(plan, trial, record)
        held = evaluation(record)["cells"] if record else {}
        now = {key: self.prompts(key) for key in (trial.key, *needs(plan, trial))}

        def outdated(cell: Cell) -> bool:
            met = held.get(cell.name, {}).get("prompts")
            return bool(met and cell.by and now[cell.by.key] not in (met, None))

        return tuple(c.name for c in cells_of(plan, trial) if c.name in lacks or outdated(c))

    def record(self, trial: Trial) -> dict[str, Any] | None:
        """The record of a trial, or None.

        Raises:
            StoreError: it is damaged, or of a run of another configuration.
        """
        path = self.records / f"{trial.key}.json"
        found = read_json(path)
        if found is None:
            return None
        if found.get("format") != FORMAT:
            raise StoreError(f"{path}: format {found.get('format')}, this version reads {FORMAT}")
        if "config" not in found:
            raise StoreError(f"{path} is damaged: it has no 'config'")
        if keys := trial.differs(found["config"]):
            raise StoreError(
                f"{path} is the record of a run of another configuration: "
                f"{', '.join(keys[:5])} differ from the study's; move it away with "
                f"{self.run(trial.key)}, or use another --out"
            )
        measured = found.get("evaluation")
        if not isinstance(measured, dict) or not {"asked", "cells", "seeds"} <= measured.keys():
            raise StoreError(f"{path} is damaged: it has no 'evaluation' of a run")
        cells = measured["cells"]
        if not isinstance(cells, dict) or not all(isinstance(c, dict) for c in cells.values()):
            raise StoreError(f"{path} is damaged: its 'cells' are none")
        return found

    def write_record(self, trial: Trial, record: Mapping[str, Any]) -> None:
        """Write a record, atomically.

        Raises:
            StoreError: the disk refuses, or the record is too large to be committed.
        """
        text = json.dumps({"format": FORMAT, **record}, separators=(",", ":"), allow_nan=False)
        if len(text) > MOST_BYTES:
            raise StoreError(
                f"the record of {trial.key} would have {len(text)} bytes, more than {MOST_BYTES}: "
                "lower evaluate.seeds"
            )
        write_text(self.records / f"{trial.key}.json", text + "\n")
