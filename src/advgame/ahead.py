"""Rounds on time, or one step ahead of training.

Lag 0: a step trains on the round played from the weights pushed at its start.
Lag 1: while a step trains, the next step's round is played from the same push. The round is then
one push older than the policy it trains; its completions say so by their `policy_version`. What
is pending is part of a checkpoint, so a resumed run trains on the very same rounds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Round = TypeVar("Round")


class Ahead(Generic[Round]):
    """Plays rounds by step, at most one in advance."""

    def __init__(
        self,
        play: Callable[[int], Awaitable[Round]],
        *,
        lag: int,
        last: int,
        pending: Round | None = None,
    ) -> None:
        """`play(step)` plays a round; `last` is the last step; `pending` is from a checkpoint."""
        self._play, self._lag, self._last = play, lag, last
        self._pending = pending
        self._task: asyncio.Task[Round] | None = None

    @property
    def pending(self) -> Round | None:
        """The finished round of the next step, if there is one."""
        return self._pending

    async def take(self, step: int) -> Round:
        """Return the round of `step`; with lag 1, start on the next one."""
        ready = self._pending if self._pending is not None else await self._play(step)
        self._pending = None
        if self._lag and step < self._last:
            self._task = asyncio.ensure_future(self._play(step + 1))
        return ready

    async def settle(self) -> None:
        """Wait until nothing is being played: no round may straddle a push."""
        if self._task is not None:
            self._pending = await self._task
            self._task = None
