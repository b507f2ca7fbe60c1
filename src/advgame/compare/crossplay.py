"""Every Attacker checkpoint against every Defender checkpoint, of one run or of several."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as cache_of
from pathlib import Path
from typing import Any, TypeAlias

from advgame.compare.cycling import cycling
from advgame.derive import digest
from advgame.errors import ConfigError
from advgame.evals.arena import MARKS, RunPlayers, attacks, from_plain, meet, to_plain
from advgame.evals.subjects import held_out_seeds
from advgame.metrics.intervals import rate
from advgame.schedule import ever_learns
from advgame.store import manifest
from advgame.store.atomic import write_text
from advgame.store.reader import RunReader, open_readonly, read_json
from advgame.types import Role
from advgame.world import Judges

_VALUES = {mark: value for value, mark in MARKS.items()}
Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A player as it was after `step` steps of a run; step 0 is the untrained one."""

    run: str
    step: int
    id: str  # changes with its weights
    begun: str  # the id of the untrained player of its run

    @property
    def name(self) -> str:
        """RUN@STEP."""
        return f"{self.run}@{self.step}"


def contestants(runs: Mapping[str, Path], role: Role, most: int | None) -> tuple[Contestant, ...]:
    """The checkpoints of a role, oldest first, run after run; equal untrained players once.

    Args:
        runs: run folders by name.
        role: whose.
        most: of each run at most this many trained ones, evenly spread, the last among them.

    Raises:
        StoreError: a folder is not a run.
    """
    found: list[Contestant] = []
    starts: set[str] = set()
    for name, path in runs.items():
        reader = open_readonly(path)
        config = reader.config
        begun = _begun(reader, role)
        if begun not in starts:
            starts.add(begun)
            found.append(Contestant(name, 0, begun, begun))
        if role not in ever_learns(config.schedule):
            continue
        kept = [each for each in reader.checkpoints() if each.step > 0]
        if most is not None and len(kept) > most:
            kept = [kept[-1 - (len(kept) - 1) * at // max(1, most - 1)] for at in range(most)][::-1]
        found += [
            Contestant(name, each.step, digest(manifest.read(each.path)["files"]), begun)
            for each in kept
        ]
    return tuple(found)


def _begun(reader: RunReader, role: Role) -> str:
    """What tells an untrained player from others: its configuration, a fork's also its weights."""
    player = reader.config.player(role).model_dump(mode="json", exclude={"learn"})
    kept = reader.checkpoints()
    if not kept:
        return digest(player)
    part = reader.config.part(role)
    start = manifest.read(kept[-1].path)["files"].get(f"{part}/start.safetensors")
    return digest(player if start is None else [player, start])


def cross_play(
    runs: Mapping[str, Path], *, seeds: int, most: int | None, cache: Path, say: Say
) -> dict[str, Any]:
    """Play the whole matrix on harmful test seeds, judged by the first run's evaluation judge.

    One prompt and one reply a seed; every prompt passes the first run's check. What was played lies
    in `cache`, so a call that was stopped goes on.

    Returns:
        `attackers`, `defenders` (RUN@STEP), `seeds` (a count), `cells` (a rate for each Attacker
        and Defender), `outcomes` (a mark a seed: 1 the attack worked, 0 not, ? unscored) and
        `cycling` (RUN → see `cycling`, for runs with two checkpoints of both players or more).

    Raises:
        ConfigError: the cache is of other seeds.
        AdvGameError: a run, its players or its judge cannot be loaded.
    """
    attackers = contestants(runs, Role.ATTACKER, most)
    defenders = contestants(runs, Role.DEFENDER, most)
    first = open_readonly(next(iter(runs.values()))).config
    chosen = held_out_seeds(first, (), seeds)["harmful"]
    kept = _Kept(cache, [seed.id for seed in chosen])
    players = _Players(runs)
    home, drift = next(iter(runs.values())), first.game.drift_ratio
    check = cache_of(Judges(first, home).check)
    how = digest(first.judges.faithfulness.model_dump(mode="json", exclude={"engine"}), drift)[:8]
    own = {each.id for each in contestants({"": home}, Role.ATTACKER, None)}
    ids = {one.id: one.id if one.id in own else f"{one.id} {how}" for one in attackers}
    for one in attackers:
        if ids[one.id] not in kept.attacks:
            say(f"{one.name} attacks")
            seat = players.seat(one, Role.ATTACKER)
            made = asyncio.run(attacks(chosen, seat, check(), drift))
            kept.attacks[ids[one.id]] = [to_plain(prompt) for prompt in made]
            kept.write()
    judge = None
    for other in defenders:
        for one in attackers:
            if f"{ids[one.id]} {other.id}" in kept.cells:
                continue
            say(f"{one.name} against {other.name}")
            judge = judge or RunPlayers.of(home).judge()
            prompts = [from_plain(each) for each in kept.attacks[ids[one.id]]]
            seat = players.seat(other, Role.DEFENDER)
            rows = asyncio.run(meet(chosen, prompts, seat, judge))
            kept.cells[f"{ids[one.id]} {other.id}"] = "".join(MARKS[row["success"]] for row in rows)
            kept.write()
    outcomes = [
        [kept.cells[f"{ids[one.id]} {other.id}"] for other in defenders] for one in attackers
    ]
    return matrix(attackers, defenders, outcomes)


def matrix(
    attackers: Sequence[Contestant],
    defenders: Sequence[Contestant],
    outcomes: Sequence[Sequence[str]],
) -> dict[str, Any]:
    """The report of a played matrix, see `cross_play`."""
    values = [[[_VALUES[mark] for mark in cell] for cell in row] for row in outcomes]
    return {
        "attackers": [each.name for each in attackers],
        "defenders": [each.name for each in defenders],
        "seeds": len(outcomes[0][0]),
        "cells": [[rate(cell) for cell in row] for row in values],
        "outcomes": outcomes,
        "cycling": {
            run: cycling(steps, [[values[a][d] for _, d in pairs] for a, _ in pairs])
            for run in dict.fromkeys(each.run for each in attackers)
            for steps, pairs in [_diagonal(run, attackers, defenders)]
            if len(steps) > 1
        },
    }


def _diagonal(
    run: str, attackers: Sequence[Contestant], defenders: Sequence[Contestant]
) -> tuple[list[int], list[tuple[int, int]]]:
    """The steps of a run at which both players are there, with their places."""
    rows, columns = _places(run, attackers), _places(run, defenders)
    steps = sorted(rows.keys() & columns.keys())
    return steps, [(rows[step], columns[step]) for step in steps]


def _places(run: str, field: Sequence[Contestant]) -> dict[int, int]:
    """Where the players of a run stand, by step; its untrained one may stand under another run."""
    begun = next((each.begun for each in field if each.run == run), None)
    return {each.step: at for at, each in enumerate(field) if each.run == run or each.id == begun}


class _Players:
    """The players of one run at a time; the networks are loaded once a run in a row."""

    def __init__(self, runs: Mapping[str, Path]) -> None:
        self._runs = runs
        self._name, self._step = "", -1
        self._now: RunPlayers | None = None

    @property
    def now(self) -> RunPlayers:
        """Those of the run last seated."""
        assert self._now is not None  # somebody was seated
        return self._now

    def seat(self, one: Contestant, role: Role) -> Any:
        if self._name != one.run:
            self._now, self._name, self._step = None, one.run, -1  # memory for one run
            self._now = RunPlayers.of(self._runs[one.run])
            if saved := open_readonly(self._runs[one.run]).checkpoints():
                self._step = self._now.load(saved[-1].step)  # a fork's hold how it began
        if one.step == 0:
            return self.now.seat(role, "start")
        if self._step != one.step:
            self._step = self.now.load(one.step)
        return self.now.seat(role, "trained")


class _Kept:
    """What was played before, in one file."""

    def __init__(self, path: Path, seeds: list[str]) -> None:
        self._path, self._seeds = path, seeds
        found = read_json(path) or {"seeds": seeds, "attacks": {}, "cells": {}}
        if found.get("seeds") != seeds:
            raise ConfigError(
                f"{path} was played on other seeds: remove it, or give the number it was made with"
            )
        self.attacks: dict[str, Any] = found["attacks"]
        self.cells: dict[str, str] = found["cells"]

    def write(self) -> None:
        value = {"seeds": self._seeds, "attacks": self.attacks, "cells": self.cells}
        write_text(self._path, json.dumps(value) + "\n")
