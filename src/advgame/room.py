"""Whether every seed fits the players' contexts: asked before the first step, not on day three."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain

from advgame.engines.hf import HfSampler
from advgame.errors import SeedError
from advgame.game.seat import Ask, ModelSeat, Seat
from advgame.seeds.load import SeedPool
from advgame.types import Kind, Message, Role, Seed

_OPENING = 60


def check_room(seats: Mapping[Role, Seat], *pools: SeedPool) -> None:
    """Ask of each player in this process whether it has room for each seed and its own move.

    An endpoint knows its own limit. What an Attacker makes of a seed is not known yet, and guides
    are not looked at: a prompt that grows too long by these gets no reply when it is drawn.

    Raises:
        SeedError: seeds are too long for a player: how many, and the first of them.
    """
    seeds = [seed for pool in pools for seed in chain(pool.harmful, pool.benign)]
    for role, seat in seats.items():
        if not isinstance(seat, ModelSeat) or not isinstance(seat.sampler, HfSampler):
            continue
        positions, own = seat.sampler.positions, seat.sampling.max_new_tokens
        long = list(_too_long(role, seat, seat.sampler, seeds))
        if long:
            seed, tokens = long[0]
            raise SeedError(
                f"{len(long)} of {len(seeds)} seeds are too long for the {role}, which has "
                f"{positions} positions and keeps {own} for its own move "
                f"(sampling.max_new_tokens): {seed.text[:_OPENING]!r}… takes {tokens}. "
                "Drop or shorten them"
            )


def room_of(seat: Seat, guides: Sequence[tuple[Message, ...]] = ()) -> Callable[[str, Kind], bool]:
    """Return what says whether a text and the seat's move fit its context, under each guide, too.

    An endpoint knows its own limit: there everything fits.
    """
    if not isinstance(seat, ModelSeat) or not isinstance(seat.sampler, HfSampler):
        return lambda text, kind: True
    model, sampler = seat, seat.sampler
    room = sampler.positions - model.sampling.max_new_tokens

    @lru_cache(maxsize=4096)  # of texts near the limit, which templates repeat
    def most(text: str, kind: Kind) -> int:
        asks = (Ask(text=text, kind=kind, seeds=(), guide=guide) for guide in ((), *guides))
        return max(sampler.length(model.request(ask)) for ask in asks)

    def fits(text: str, kind: Kind) -> bool:
        # A token is at least one byte, so most texts are known to fit without being rendered.
        short = len(text.encode(errors="surrogatepass")) + most(".", kind) <= room
        return short or most(text, kind) <= room

    return fits


def _too_long(
    role: Role, seat: ModelSeat, sampler: HfSampler, seeds: list[Seed]
) -> Iterator[tuple[Seed, int]]:
    fits = room_of(seat)
    for seed in seeds:
        shown = seed.present(seed.text) if role is Role.DEFENDER else seed.text
        if not fits(shown, seed.kind):
            yield seed, sampler.length(seat.request(Ask(text=shown, kind=seed.kind, seeds=())))
