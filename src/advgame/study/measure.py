"""Measuring one run of a study: the cells of its record that can be filled now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from advgame.derive import digest
from advgame.engines.embed import build_embedder
from advgame.evals.arena import (
    MARKS,
    RunPlayers,
    answers,
    attacks,
    fixed_attacks,
    from_plain,
    to_plain,
)
from advgame.evals.language import of_plain
from advgame.evals.measure import prompt_figures
from advgame.evals.subjects import EMBEDDER, held_out_seeds
from advgame.game.check import Checked
from advgame.judges.named import refuses
from advgame.metrics.intervals import rate
from advgame.protocols import Judge
from advgame.store.atomic import write_text
from advgame.store.reader import read_json
from advgame.study.cells import HARMFUL, Cell, asked, cells_of
from advgame.study.folders import Folders
from advgame.study.plan import START, Plan, Trial
from advgame.types import Move, Role, Seed
from advgame.validation import judge_rows
from advgame.world import Judges


class Measurement:
    """One trial's players in memory, and the seeds of the study."""

    def __init__(self, plan: Plan, trial: Trial, folders: Folders) -> None:
        """Load the players of `trial` as its last checkpoint holds them.

        Raises:
            AdvGameError: there is no checkpoint, or seeds or a judge cannot be had.
        """
        self._plan, self._trial, self._folders = plan, trial, folders
        self._start = start = plan.of(START)[0].config
        evaluate = plan.study.evaluate
        chosen = held_out_seeds(start, evaluate.benign, evaluate.seeds, evaluate.draw)
        self._seeds = {HARMFUL: chosen.pop(HARMFUL), **chosen}
        self._players = RunPlayers(trial.config, folders.run(trial.key))
        if trial.trains:
            self._players.load(None)

    def write_attacks(self) -> None:
        """Write what the trial's Attacker makes of the harmful seeds, unless it is there.

        Raises:
            StoreError: the disk refuses.
        """
        path = self._folders.attacks(self._trial.key)
        weights = self._folders.weights(self._trial.key) if self._trial.trains else None
        told = (read_json(path) or {}).get("weights")
        if self._attacks_by(self._trial) is not None and told == weights:
            return
        seeds = self._seeds[HARMFUL]
        seat = self._players.seat(Role.ATTACKER, "trained" if self._trial.trains else "start")
        # One check for all: an arm that learns without one is not to win by what another drops.
        check = Judges(self._start, self._folders.run(self._trial.key)).check()
        made = asyncio.run(attacks(seeds, seat, check, self._start.game.drift_ratio))
        found = {
            "hash": self._trial.hash,
            "weights": weights,
            "seeds": [seed.id for seed in seeds],
            "prompts": [to_plain(prompt) for prompt in made],
        }
        write_text(path, json.dumps(found, indent=1) + "\n")

    def fill(
        self,
        names: Collection[str],
        known: Mapping[str, Any],
        on_cell: Callable[[str], None],
        keep: Callable[[dict[str, Any]], None],
    ) -> None:
        """Measure the cells in `names` whose prompts can be had, one after the other.

        Args:
            names: cells to measure.
            known: the evaluation so far: its other cells are kept.
            on_cell: told the name of each cell before it is measured.
            keep: given the evaluation after each cell, and once if there is none: `asked`, `seeds`
                (ids by set), `cells` (NAME → outcomes, one mark a seed: 1 the Attacker got what it
                wants, 0 not, ? unscored; `refused` likewise, 1 a reply that opens with a refusal;
                the rate; whose prompts, and their hash), `prompts` (figures of the trial's own
                attacks) and `language` (of plain replies).
        """
        judge = self._players.judge()
        ids = {name: [seed.id for seed in seeds] for name, seeds in self._seeds.items()}
        told = known.get("seeds", {})
        if any(told.get(name, own) != own for name, own in ids.items()):
            # A file of seeds has changed: all is asked anew.
            known, names = {}, [cell.name for cell in cells_of(self._plan, self._trial)]
        found: dict[str, Any] = {
            "asked": asked(self._plan),
            "seeds": {**known.get("seeds", {}), **ids},
            **{part: dict(known.get(part, {})) for part in ("cells", "prompts", "language")},
        }
        if not known:
            keep(found)
        for cell in cells_of(self._plan, self._trial):
            seeds = self._seeds[cell.set]
            prompts = self._prompts(cell, seeds) if cell.name in names else None
            if prompts is None:
                continue
            on_cell(cell.name)
            rows, figures = asyncio.run(self._meet(cell, seeds, prompts, judge))
            successes = [row["success"] for row in rows]
            found["cells"][cell.name] = {
                "outcomes": "".join(MARKS[each] for each in successes),
                "refused": "".join(MARKS[refuses(row["reply"])] for row in rows),
                "rate": rate(successes),
                "asked": asked(self._plan, cell),
                "by": cell.by.hash if cell.by else None,
                "prompts": digest([prompt.move.text for prompt in prompts]) if cell.by else None,
            }
            if figures is not None:
                found["language"][cell.set] = figures
            if cell.by is not None and cell.by.key == self._trial.key:
                found["prompts"][cell.attack] = prompt_figures(rows)
            self._write_answers(cell.name, rows)
            keep(found)

    async def _meet(
        self, cell: Cell, seeds: Sequence[Seed], prompts: Sequence[Checked], judge: Judge
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        trained = cell.defender == "trained" and self._trial.trains
        defender = self._players.seat(Role.DEFENDER, "trained" if trained else "start")
        episodes = await answers(seeds, prompts, defender)
        rows = await judge_rows(episodes, judge)
        if cell.attack != "plain":
            return rows, None
        return rows, of_plain(episodes, self._players.defender, build_embedder(EMBEDDER))

    def _prompts(self, cell: Cell, seeds: Sequence[Seed]) -> list[Checked] | None:
        if cell.fixed is not None:
            fixed = cell.fixed
            return asyncio.run(fixed_attacks(seeds, fixed.collection, fixed.longest))
        if cell.by is None:
            return [Checked(Move(text=seed.text)) for seed in seeds]
        return self._attacks_by(cell.by)

    def _attacks_by(self, trial: Trial) -> list[Checked] | None:
        """The prompts of a trial's Attacker; None if they are not there or of another run."""
        found = read_json(self._folders.attacks(trial.key))
        ids = [seed.id for seed in self._seeds[HARMFUL]]
        if found is None or found.get("hash") != trial.hash or found.get("seeds") != ids:
            return None
        return [from_plain(each) for each in found["prompts"]]

    def _write_answers(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Every answer stays beside the record, to be read."""
        path = self._folders.answers(self._trial.key)
        found = {**(read_json(path) or {}), name: rows}
        write_text(path, json.dumps(found, indent=1) + "\n")
