"""Stage 1, attack: A prompts x for each seed s. A direct seed is its own prompt."""

from __future__ import annotations

from collections.abc import Sequence

from advgame.derive import derive
from advgame.game.seat import Ask, Seat
from advgame.types import Fault, Move, Role, Seed


async def attack(
    seeds: Sequence[Seed], seat: Seat, *, prompts: int, draw: tuple[int, str, int], first: int = 0
) -> list[tuple[Move, ...]]:
    """Return the prompts made from each seed, in order: one failed one where nothing came.

    Args:
        seeds: what to attack; those with `direct` are passed through as one untrained move.
        seat: the Attacker.
        prompts: A, prompts a seed.
        draw: (run seed, stream, step): what the random draws are derived from.
        first: the place of the first seed, where these are part of a row that is attacked in parts.
    """
    asks = [
        Ask(
            text=seed.text,
            kind=seed.kind,
            injected=seed.scene is not None,
            seeds=tuple(
                derive(*draw, Role.ATTACKER, place, seed.id, index) for index in range(prompts)
            ),
        )
        for place, seed in enumerate(seeds, first)
        if not seed.direct
    ]
    made = iter(await seat.play(asks))
    nothing = (Move(text="", fault=Fault.UNPARSEABLE),)  # the Attacker's model rejects the seed
    return [(Move(text=seed.text),) if seed.direct else next(made) or nothing for seed in seeds]
