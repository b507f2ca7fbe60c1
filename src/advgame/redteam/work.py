"""The attempts of a session and who makes them; nothing is loaded until it starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from advgame.redteam.attacker import Attacker
from advgame.redteam.plan import Settings, arms_of, seeds_named, trials
from advgame.redteam.strategies.base import Strategy
from advgame.redteam.strategies.build import build_strategy
from advgame.redteam.values import Trial
from advgame.types import Seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Attempts to make. `strategies` loads who makes them; arms in `waiting` need their past."""

    seeds: Sequence[Seed]
    trials: Sequence[Trial]
    strategies: Callable[[], Mapping[str, Strategy]]
    waiting: frozenset[str] = frozenset()


def planned(settings: Settings, attacker_key_env: str | None = None) -> Work:
    """The attempts that settings ask for.

    Raises:
        AdvGameError: a strategy or the seeds are not to be had.
    """
    arms, seeds = arms_of(settings), seeds_named(settings)

    def strategies() -> dict[str, Strategy]:
        attackers = {
            name: Attacker(name, key_env=attacker_key_env, checked=settings.checked)
            for name in dict.fromkeys(arm.attacker for arm in arms if arm.attacker)
        }
        return {
            arm.name: build_strategy(
                arm.recipe,
                attackers[arm.attacker] if arm.attacker else None,
                -(-settings.attempts // arm.recipe.turns),
            )
            for arm in arms
        }

    return Work(
        seeds=seeds,
        trials=list(trials(arms, seeds, settings.attempts)),
        strategies=strategies,
        waiting=frozenset(arm.name for arm in arms if arm.recipe.needs_past),
    )
