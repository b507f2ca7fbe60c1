"""Stage 3, defend: D replies y to each valid prompt.

The Defender sees x alone, or x in its scene: in a document that the user asks something about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from advgame.derive import derive
from advgame.game.check import Checked
from advgame.game.seat import Ask, Seat
from advgame.types import Branch, Episode, Kind, Message, Role, Seed


@dataclass(frozen=True, slots=True)
class Guide:
    """Guided sampling of one kind: `count` of a prompt's replies are drawn after one of `wordings`.

    The prompts of a round take the wordings in turn, beginning at `first`.
    """

    count: int
    wordings: tuple[tuple[Message, ...], ...]
    first: int = 0

    def turns(self, place: int) -> tuple[Message, ...]:
        """What stands before the prompt at this place of the round."""
        return self.wordings[(self.first + place) % len(self.wordings)]


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
    """Return the tree of moves: an invalid prompt has no replies, nor one that the model rejects.

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
                split = _split(seed, prompt.move.text, draws, guides.get(seed.kind), len(asked))
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


def _split(
    seed: Seed, prompt: str, draws: tuple[int, ...], guide: Guide | None, place: int
) -> list[Ask]:
    guided = min(guide.count, len(draws)) if guide else 0
    plain = len(draws) - guided
    ask = Ask(text=seed.present(prompt), kind=seed.kind, seeds=draws[:plain])
    asks = [ask] if plain else []
    if guide and guided:
        asks.append(replace(ask, seeds=draws[plain:], guide=guide.turns(place)))
    return asks
