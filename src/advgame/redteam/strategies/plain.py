"""The control: the seed as it is, every time."""

from __future__ import annotations

from dataclasses import dataclass

from advgame.redteam.strategies.base import Sight
from advgame.types import Move


@dataclass(frozen=True, slots=True)
class Plain:
    """Says the seed. Where the target draws at a temperature, asking again is an attack too."""

    async def say(self, sight: Sight, /) -> Move:
        """The seed's text."""
        return Move(text=sight.seed.text)
