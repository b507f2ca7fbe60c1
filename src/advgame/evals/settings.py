"""How tasks are run: what a report says beside its figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from advgame.evals.questions import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the tasks are run; what stands here stands in the report.

    `attempts` None is one attack a seed, or all that a fixed set holds. `written_tokens` bounds
    what is written in utility tasks; None = as each task says. A variable's name is that of the key
    of one endpoint: whom another one belongs to must not see it.
    """

    judge: str
    allow_training_judge: bool = False
    part: Part = "test"
    limit: int | None = None
    max_tokens: int = 256
    written_tokens: int | None = None
    temperature: float = 0.0
    attempts: int | None = None
    attacker: str | None = None
    attacks: str | None = None
    reference: str | None = None
    cached: bool = True
    key_env: str | None = None
    attacker_key_env: str | None = None
    reference_key_env: str | None = None


Progress: TypeAlias = Callable[[str, int, int], None]
"""(task, done, of): told what is under way."""
