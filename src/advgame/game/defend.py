"""Stage 3, defend: D replies y to each valid prompt.

The Defender sees x alone, or x in its scene: in a document that the user asks something about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from advgame.derive import derive
from advgame.game.check import Checked
from advgame.game.seat import Ask, Seat
from advgame.types import Branch, Episode, Kind, Message, Role, Seed


@dataclass(frozen=True, slots=True)
class Guide:
    """Guided sampling of one kind: `count` of the replies are drawn after `turns`."""

    count: int
    turns: tuple[Message, ...]


async def defend(
    seeds: Sequence[Seed],
    prompts: Sequence[tuple[Checked, ...]],
    seat: Seat,
    *,
    replies: int,
    direct_replies: int,
    guides: Mapping[Kind, Guide],
    draw: tuple[int, str, int],
) -> list[Episode[Checked]]:
    """Return the tree of moves: an invalid prompt has no replies.

    Of a prompt's replies the guided ones come last, so that the first valid reply is the
    Defender's own wherever it has one.
    """
    asks: list[Ask] = []
    asked: dict[tuple[int, int], range] = {}  # (seed, prompt) → its places among the asks
    for row, (seed, checked) in enumerate(zip(seeds, prompts, strict=True)):
        count = direct_replies if seed.direct else replies
        for column, prompt in enumerate(checked):
            if prompt.valid:
                draws = tuple(
                    derive(*draw, Role.DEFENDER, row, seed.id, column, index)
                    for index in range(count)
                )
                split = _split(
                    seed.present(prompt.move.text), seed.kind, draws, guides.get(seed.kind)
                )
                asked[row, column] = range(len(asks), len(asks) + len(split))
                asks += split
    answers = await seat.play(asks)

    def branch(row: int, column: int, prompt: Checked) -> Branch[Checked]:
        places = asked.get((row, column), range(0))
        return Branch(prompt, tuple(Checked(move) for at in places for move in answers[at]))

    return [
        Episode(seed, tuple(branch(row, column, x) for column, x in enumerate(checked)))
        for row, (seed, checked) in enumerate(zip(seeds, prompts, strict=True))
    ]


def _split(text: str, kind: Kind, seeds: tuple[int, ...], guide: Guide | None) -> list[Ask]:
    guided = min(guide.count, len(seeds)) if guide else 0
    plain = len(seeds) - guided
    asks = [Ask(text=text, kind=kind, seeds=seeds[:plain])] if plain else []
    if guide and guided:
        asks.append(Ask(text=text, kind=kind, seeds=seeds[plain:], guide=guide.turns))
    return asks
