"""The queue before the players: bounded, served in batches, one network at a time each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from advgame.derive import derive
from advgame.engines.gather import Gather
from advgame.engines.hf import HfSampler
from advgame.protocols import Sampler
from advgame.serve.errors import NotServedError, invalid
from advgame.serve.player import Mode, Player
from advgame.types import Completion, Finish, SampleRequest

_TRIES = 4  # draws until an attack parses
Told = Callable[[int, str], None]  # (which reply, its text so far)


@dataclass(frozen=True, slots=True)
class Reply:
    """One choice of a response. `fault` says what is wrong with a move that came all the same."""

    text: str
    finish: Finish
    tokens: int
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    request: SampleRequest
    told: Told | None


class Desk:
    """Takes requests for all players of a server, at most `room` replies waiting or under way.

    What waits when a player's last batch is done is drawn together: see `Gather`.
    """

    def __init__(self, players: Sequence[Player], room: int) -> None:
        """Serve `players`; nothing is drawn yet."""
        self._gathers = {each.name: Gather(_drawer(each.loaded.sampler)) for each in players}
        self._room = room
        self._taken = 0
        self._served = 0

    @property
    def taken(self) -> int:
        """Replies waiting or being drawn."""
        return self._taken

    def check(self, count: int) -> None:
        """Refuse `count` more replies now if there is no room for them.

        Raises:
            NotServedError: 429; 400 if there never will be.
        """
        if count > self._room:
            raise invalid(f"{count} replies are wanted at once, of {self._room} at most")
        if self._taken + count > self._room:
            raise NotServedError(
                429,
                "overloaded",
                f"{self._taken} replies are waiting or under way, of {self._room} at most",
                {"Retry-After": "1"},
            )

    def number(self) -> int:
        """A number that no other request of this server has: what random draws derive from."""
        self._served += 1
        return self._served

    async def reply(
        self, mode: Mode, request: SampleRequest, told: Told | None = None
    ) -> list[Reply]:
        """Draw one reply for each seed of `request`; an attack that does not parse is drawn anew.

        `told` hears, on the event loop, how each reply grows.

        Raises:
            NotServedError: no room (429).
        """
        with self._place(len(request.seeds)):
            found = [_read(mode, each) for each in await self._draw(mode, request, told)]
            for again in range(1, _TRIES):
                bad = [at for at, each in enumerate(found) if each.fault == "unparseable"]
                if not bad:
                    break
                seeds = tuple(derive(request.seeds[at], "again", again) for at in bad)
                more = await self._draw(mode, replace(request, seeds=seeds), None)
                for at, completion in zip(bad, more, strict=True):
                    found[at] = _read(mode, completion)
            return found

    async def _draw(
        self, mode: Mode, request: SampleRequest, told: Told | None
    ) -> tuple[Completion, ...]:
        return await self._gathers[mode.player.name](_Wanted(request, told))

    @contextmanager
    def _place(self, count: int) -> Iterator[None]:
        self.check(count)
        self._taken += count
        try:
            yield
        finally:
            self._taken -= count


def _drawer(
    sampler: Sampler,
) -> Callable[[Sequence[_Wanted]], Awaitable[list[tuple[Completion, ...]]]]:
    async def draw(wanted: Sequence[_Wanted]) -> list[tuple[Completion, ...]]:
        requests = [each.request for each in wanted]
        listeners = [each.told for each in wanted]
        if not isinstance(sampler, HfSampler) or not any(listeners):
            return await sampler.sample(requests)
        loop = asyncio.get_running_loop()

        def told(which: int, reply: int, text: str) -> None:  # in the sampler's thread
            if (hear := listeners[which]) is not None:
                loop.call_soon_threadsafe(hear, reply, text)

        return await sampler.sample(requests, told=told)

    return draw


def _read(mode: Mode, completion: Completion) -> Reply:
    text, fault = mode.read(completion.text), None
    cut = completion.finish is Finish.LENGTH
    if text is None:
        text, fault = completion.text, "unparseable"
    elif cut and mode.whole and not mode.player.manner.accept_truncated:
        fault = "truncated"
    return Reply(text, completion.finish, len(completion.token_ids), fault)
