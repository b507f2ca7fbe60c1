"""Best of k: independent prompts by the Attacker, hotter from attempt to attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from advgame.redteam.attacker import Attacker
from advgame.redteam.strategies.base import Sight
from advgame.text import normalise
from advgame.types import Move, Seed

REDRAWS = 3
HOTTEST = 1.5  # times the Attacker's own temperature, at the last attempt, but
WILDEST = 1.0  # not above this: at 1.5 an untrained Attacker wrote 3 valid prompts for 70 seeds


class BestOfK:
    """Draws the prompts of all attempts on a seed together.

    A prompt that is invalid, or says in the same words what another attempt says, is drawn anew up
    to `REDRAWS` times: drawing is cheap, a request to the target is not.
    """

    def __init__(self, attacker: Attacker, attempts: int, ladder: Sequence[float] = ()) -> None:
        """Attack with `attacker`.

        Args:
            attacker: who writes.
            attempts: k.
            ladder: temperatures, taken in turn; none = from the Attacker's own up to `HOTTEST`
                times it, or to `WILDEST` if that is less; its own where that is above already.
        """
        self._attacker = attacker
        self._attempts = attempts
        own = attacker.temperature
        rise = (max(own, min(HOTTEST * own, WILDEST)) - own) / max(1, attempts - 1)
        self._ladder = tuple(ladder) or tuple(own + rise * at for at in range(attempts))
        self._drawn: dict[str, asyncio.Task[list[Move]]] = {}

    async def say(self, sight: Sight, /) -> Move:
        """The prompt of this attempt."""
        seed = sight.seed
        if seed.id not in self._drawn:
            self._drawn[seed.id] = asyncio.create_task(self._draw(seed))
        drawn = await asyncio.shield(self._drawn[seed.id])
        return drawn[sight.attempt % len(drawn)]

    async def _draw(self, seed: Seed) -> list[Move]:
        moves: dict[int, Move] = {}
        missing = list(range(self._attempts))
        for turn in range(1 + REDRAWS):
            drawn = await asyncio.gather(*(self._one(seed, at, turn) for at in missing))
            said = {normalise(move.text) for at, move in moves.items() if at not in missing}
            again = []
            for at, move in zip(missing, drawn, strict=True):
                known = normalise(move.text) in said
                # A repetition is still better than nothing to say.
                if at not in moves or moves[at].fault or not move.fault:
                    moves[at] = move
                if move.fault or known:
                    again.append(at)
                said.add(normalise(move.text))
            missing = again
            if not missing:
                break
        return [moves[at] for at in range(self._attempts)]

    async def _one(self, seed: Seed, at: int, turn: int) -> Move:
        temperature = self._ladder[at % len(self._ladder)]
        return await self._attacker.prompt(seed, "best-of-k", at, turn, temperature=temperature)
