"""Seats at the table: who makes a role's moves, and how they are asked for and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from advgame.each import sample_each
from advgame.errors import RejectedError
from advgame.prompts.formats import Format
from advgame.prompts.guide import under
from advgame.protocols import Sampler
from advgame.types import Completion, Fault, Finish, Kind, Message, Move, SampleRequest, Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One text to move on: `seeds` draws one move each, `guide` stands before it while sampling.

    `injected`: an Attacker's move will be data in a document, not a request.
    """

    text: str
    kind: Kind
    seeds: tuple[int, ...]
    guide: tuple[Message, ...] = ()
    injected: bool = False


class Seat(Protocol):
    """Who plays a role in a round."""

    async def play(self, asks: Sequence[Ask], /) -> list[tuple[Move, ...]]:
        """Return one move per seed of each ask, in order; none for an ask its model rejects."""
        ...


@dataclass(frozen=True, slots=True)
class FixedSeat:
    """Plays attacks made elsewhere, which nobody trains on.

    `attacks` maps a request's text to the attacks known for it; each draw takes one of them by
    its own seed.
    """

    attacks: Callable[[str], Sequence[str]]

    async def play(self, asks: Sequence[Ask], /) -> list[tuple[Move, ...]]:
        """Take one known attack per seed of each ask."""
        return [
            tuple(Move(text=known[seed % len(known)]) for seed in ask.seeds)
            for ask, known in ((ask, self.attacks(ask.text)) for ask in asks)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSeat:
    """A language model in a role; `guided` draws what is asked under a guide, if not `sampler`."""

    sampler: Sampler
    format: Format
    sampling: Sampling
    system: str | None = None
    accept_truncated: bool = False
    guided: Sampler | None = None

    async def play(self, asks: Sequence[Ask], /) -> list[tuple[Move, ...]]:
        """Draw and parse the moves of each ask, in one sampling call for all of a sampler.

        Raises:
            RejectedError: the model does not take one of the asks, nor a plain word.
            AdvGameError: the sampler failed.
        """
        by_sampler: dict[int, tuple[Sampler, list[int]]] = {}
        for place, ask in enumerate(asks):
            sampler = self.guided if ask.guide and self.guided is not None else self.sampler
            by_sampler.setdefault(id(sampler), (sampler, []))[1].append(place)
        moves: dict[int, tuple[Move, ...]] = {}
        for sampler, places in by_sampler.values():
            drawn = await sample_each(sampler, [self.request(asks[place]) for place in places])
            for place, each in zip(places, drawn, strict=True):
                taken = () if isinstance(each, RejectedError) else each
                moves[place] = tuple(self.read(completion) for completion in taken)
        return [moves[place] for place in range(len(asks))]

    def request(self, ask: Ask, /) -> SampleRequest:
        """What the sampler is asked for `ask`."""
        messages = self.format.messages(ask.text, ask.kind, self.system, ask.injected)
        return SampleRequest(
            messages=messages,
            seeds=ask.seeds,
            sampling=self.sampling,
            prefill=self.format.prefill,
            context=under(ask.guide, messages) if ask.guide else None,
        )

    def read(self, completion: Completion, /) -> Move:
        """Parse one completion. Truncation is a fault even where the part that came parses."""
        parsed = self.format.parse(completion.text)
        fault = None if parsed else Fault.UNPARSEABLE
        if completion.finish is Finish.LENGTH and not self.accept_truncated:
            fault = Fault.TRUNCATED
        return Move(
            text=parsed.text if parsed else completion.text,
            thought=parsed.thought if parsed else "",
            completion=completion,
            fault=fault,
        )
