"""Who plays whom, and who learns from it: a schedule is data, a pure function of the step.

    joint           both play live, both learn
    sequential      both play live; only the Attacker learns, then only the Defender, and so on
    selfplay        as joint, but `world` gives both roles one shared policy
    static          the Attacker's prompts are fixed; the Defender learns
    attacker-only   both play live; the Attacker learns
    defender-only   both play live; the Defender learns

With an opponent pool a share of a step's attacked seeds is played against past selves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from advgame.config.root import PoolConfig, RunConfig, Sequential
from advgame.config.root import Schedule as ScheduleConfig
from advgame.derive import derive
from advgame.types import Kind, Role

BOTH = (Role.ATTACKER, Role.DEFENDER)


@dataclass(frozen=True, slots=True)
class Live:
    """The player as it is now (the weights last pushed)."""


@dataclass(frozen=True, slots=True)
class Past:
    """The player as it was before `step`."""

    step: int


@dataclass(frozen=True, slots=True)
class Fixed:
    """A fixed set of attacks."""


Source: TypeAlias = Live | Past | Fixed


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One round of a step: who plays, who learns, and its part of the step's attacked seeds.

    `share` is a half-open interval of [0, 1]; `direct` says whether direct seeds are played.
    """

    attacker: Source
    defender: Source
    learns: tuple[Role, ...]
    share: tuple[float, float] = (0.0, 1.0)
    direct: bool = True

    def part(self, count: int) -> slice:
        """The turn's part of `count` seeds; the parts of a step's turns cover each seed once."""
        return slice(round(self.share[0] * count), round(self.share[1] * count))


def turns(config: RunConfig, step: int) -> tuple[Turn, ...]:
    """The turns of a step."""
    learns = who_learns(config.schedule, step)
    attacker: Source = Fixed() if config.schedule.type == "static" else Live()
    direct = Role.DEFENDER in learns
    main = Turn(attacker=attacker, defender=Live(), learns=learns, direct=direct)
    past = opponents(config.pool, step, config.seed)
    if config.pool is None or past is None or not pooled(config):
        return (main,)
    live = 1.0 - config.pool.share
    # Of an odd number of seeds the first has more, so the two take turns at being it.
    edges = [live + config.pool.share * part / len(learns) for part in range(len(learns) + 1)]
    against = [
        Turn(
            attacker=past if role is Role.DEFENDER else Live(),
            defender=past if role is Role.ATTACKER else Live(),
            learns=(role,),
            share=(edges[place], edges[place + 1]),
            direct=False,
        )
        for place, role in enumerate(learns if step % 2 else learns[::-1])
    ]
    first = Turn(
        attacker=attacker, defender=Live(), learns=learns, share=(0.0, live), direct=direct
    )
    return (first, *against)


def who_learns(schedule: ScheduleConfig, step: int) -> tuple[Role, ...]:
    """The roles that learn in a step."""
    if isinstance(schedule, Sequential):
        phase = step % (schedule.attacker_steps + schedule.defender_steps)
        return (Role.ATTACKER,) if phase < schedule.attacker_steps else (Role.DEFENDER,)
    return {
        "joint": BOTH,
        "selfplay": BOTH,
        "static": (Role.DEFENDER,),
        "attacker-only": (Role.ATTACKER,),
        "defender-only": (Role.DEFENDER,),
    }[schedule.type]


def ever_learns(schedule: ScheduleConfig) -> tuple[Role, ...]:
    """The roles that learn in some step: they need a learner."""
    return BOTH if isinstance(schedule, Sequential) else who_learns(schedule, 0)


def learning_steps(schedule: ScheduleConfig, role: Role, steps: int) -> int:
    """In how many of the first `steps` steps the role learns."""
    if not isinstance(schedule, Sequential):
        return steps if role in who_learns(schedule, 0) else 0
    phases = (schedule.attacker_steps, schedule.defender_steps)
    whole, rest = divmod(steps, sum(phases))  # counted, not walked: a budget may ask for 10⁹ steps
    begun = (min(rest, phases[0]), max(0, rest - phases[0]))
    place = (Role.ATTACKER, Role.DEFENDER).index(role)
    return whole * phases[place] + begun[place]


def pooled(config: RunConfig) -> bool:
    """Whether past selves are met: not those of a player that never learns, which is none other."""
    pool = config.pool
    return pool is not None and pool.share > 0 and ever_learns(config.schedule) == BOTH


def snapshot_due(config: RunConfig, step: int) -> bool:
    """Whether the players join the pool before this step: if anyone will meet them there."""
    return config.pool is not None and pooled(config) and step % config.pool.every == 0


def opponents(pool: PoolConfig | None, step: int, run_seed: int) -> Past | None:
    """The past self met in this step, or None while the pool is empty."""
    if pool is None or pool.share == 0:
        return None
    known = range(0, step, pool.every)[-pool.size :]
    return Past(known[derive(run_seed, "pool", step) % len(known)]) if known else None


def splits(update: str) -> Sequence[tuple[Kind, ...]]:
    """The optimiser steps of a step: one for each kind of seed, or one for all."""
    return [(Kind.HARMFUL,), (Kind.BENIGN,)] if update == "split" else [tuple(Kind)]
