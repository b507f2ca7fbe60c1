"""Playing the turns of a step: from the schedule to scored episodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from advgame.config.game import Counts, SeedsConfig
from advgame.config.players import GuideConfig
from advgame.config.root import RunConfig
from advgame.game.defend import Guide
from advgame.game.play import Table, play
from advgame.game.score import Bench
from advgame.game.seat import Seat
from advgame.prompts.guide import guides
from advgame.schedule import Source, Turn, turns
from advgame.seeds.again import WITHIN, Met, wrong
from advgame.seeds.load import SeedPool
from advgame.seeds.schedule import batch
from advgame.types import Cost, Episode, Kind, Role, Scored, Seed


@dataclass(frozen=True, slots=True)
class Round:
    """All that was played for one step: the episodes of each turn, and what they cost."""

    episodes: tuple[tuple[Episode[Scored], ...], ...]
    cost: Cost
    seconds: Mapping[str, float]

    @property
    def all(self) -> tuple[Episode[Scored], ...]:
        """The episodes of all turns."""
        return tuple(episode for turn in self.episodes for episode in turn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Plays the round of any step. `seat` gives who plays a role from a source."""

    config: RunConfig
    table: Table
    bench: Bench
    seeds: SeedPool
    seat: Callable[[Role, Source], Seat]
    met: Callable[[int], Sequence[Met]]  # how the direct seeds of a step that is written went
    spent: Callable[[], Cost]  # all work done by samplers and judges so far

    async def play(self, step: int, on_stage: Callable[[int, str], None]) -> Round:
        """Play the turns of `step` with the weights the samplers hold now."""
        before = self.spent()
        clock = Clock(lambda name: on_stage(step, name))
        guided = guides_at(self.config.defender.guide, step)
        recent = [self.met(each) for each in looked_at(self.config, step)]
        played = []
        for place, turn in enumerate(turns(self.config, step)):
            table = replace(
                self.table,
                attacker=self.seat(Role.ATTACKER, turn.attacker),
                defender=self.seat(Role.DEFENDER, turn.defender),
            )
            episodes = await play(
                turn_seeds(self.config, self.seeds, turn, step, recent),
                table,
                self.bench,
                draw=(self.config.seed, f"train-{place}", step),
                # Guided replies are there to be learned from; nobody attacks a guided Defender.
                guides=guided if Role.DEFENDER in turn.learns else {},
                stage=clock.stage,
            )
            played.append(tuple(episodes))
        return Round(tuple(played), self.spent() - before, clock.seconds)


class Clock:
    """Seconds by stage. Times are reported, never used."""

    def __init__(self, on_stage: Callable[[str], None] = lambda name: None) -> None:
        self.seconds: dict[str, float] = {}
        self._on_stage = on_stage

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to `name`."""
        self._on_stage(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def looked_at(config: RunConfig, step: int) -> range:
    """The steps whose failures may come back in `step`: the last ones that are written by then.

    With lag 1 a round begins before the step ahead of it is. A judge that compares says which
    reply is better, not whether one went wrong, so then there are none.
    """
    again, end = config.seeds.again, step - config.train.lag
    wanted = (again.harmful or again.benign) and getattr(
        config.judges.defender, "mode", ""
    ) != "pairwise"
    return range(max(0, end - WITHIN), end) if wanted else range(0)


def turn_seeds(
    config: RunConfig,
    pool: SeedPool,
    turn: Turn,
    step: int,
    recent: Sequence[Sequence[Met]] = (),
) -> list[Seed]:
    """The seeds of a turn: its part of the attacked ones, then the direct ones.

    `recent` is how direct seeds went in the steps before, see `advgame.seeds.again`. What comes
    back takes the place of the last ones that are due, which the epoch then leaves out.
    """
    attacked = [
        seed
        for kind in Kind
        for seed in _batch(config, pool, config.seeds.attacked, kind, step, "attacked")[
            turn.part(_count(config.seeds.attacked, kind))
        ]
    ]
    if not turn.direct:
        return attacked
    direct = [
        replace(seed, direct=True)
        for kind in Kind
        for seed in _with_again(
            _batch(config, pool, config.seeds.direct, kind, step, "direct"),
            wrong(recent, kind, _most_again(config.seeds, kind)),
        )
    ]
    return attacked + direct


def _most_again(seeds: SeedsConfig, kind: Kind) -> int:
    return min(_count(seeds.again, kind), _count(seeds.direct, kind))


def _with_again(due: Sequence[Seed], again: Sequence[Seed]) -> list[Seed]:
    """As many seeds as are due, those that come back among them and, as a rule, not twice.

    Where one epoch ends and the next begins a seed may be due twice, and then is.
    """
    known = {seed.id for seed in again}
    others = [seed for seed in due if seed.id not in known]
    others += [seed for seed in due if seed.id in known]
    return [*others[: len(due) - len(again)], *again]


def _batch(
    config: RunConfig, pool: SeedPool, counts: Counts, kind: Kind, step: int, stream: str
) -> Sequence[Seed]:
    count = _count(counts, kind)
    if not count:
        return ()
    return batch(pool.of(kind), count, run_seed=config.seed, step=step, stream=f"{stream}-{kind}")


def _count(counts: Counts, kind: Kind) -> int:
    return int(getattr(counts, kind))


def guides_at(config: GuideConfig, step: int) -> dict[Kind, Guide]:
    """How many replies are guided at a step: linear from the configured count to none."""
    left = 1.0 if config.anneal_steps is None else max(0.0, 1.0 - step / config.anneal_steps)
    return {
        Kind.HARMFUL: Guide(round(config.harmful * left), guides(config.harmful_text), step),
        Kind.BENIGN: Guide(round(config.benign * left), guides(config.benign_text), step),
    }
