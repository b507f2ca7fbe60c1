"""What a strategy sees and what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from advgame.redteam.values import Finding
from advgame.types import Message, Move, Seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Where an attempt stands.

    `chat` is this attempt's conversation so far, of which `turns_left` turns may follow, this one
    included. `past` holds the earlier attempts on the same seed, for strategies that need them.
    """

    seed: Seed
    attempt: int
    chat: tuple[Message, ...] = ()
    turns_left: int = 1
    past: tuple[Finding, ...] = ()


class Strategy(Protocol):
    """Chooses what is said to the target.

    Example:
        A source says the same whatever happened: `Plain().say(sight)` is the seed. A modifier
        holds another strategy and changes when, or after what, that one speaks.
    """

    async def say(self, sight: Sight, /) -> Move:
        """Return the next thing to say. A move with a fault ends the attempt unsent."""
        ...
