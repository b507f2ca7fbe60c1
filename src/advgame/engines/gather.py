"""From single questions that come at the same time to one call for all of them.

Inspect asks for one reply at a time, from many samples at once; a network in this process and a
judge that encodes texts are several times faster on a batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Gather(Generic[Q, A]):
    """Serves single questions in batches: whatever waits when the last batch is done.

    Example:
        draw = Gather(sampler.sample)
        (completion,) = await draw(request)
    """

    def __init__(
        self, serve: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], wait: float = 0.02
    ) -> None:
        """Call `serve` with batches; `wait` seconds are given to those that come together."""
        self._serve = serve
        self._wait = wait
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def __call__(self, question: Q) -> A:
        """Return the answer to `question`; raises what `serve` raised for its batch."""
        loop = asyncio.get_running_loop()
        if self._worker is None or self._worker.done() or self._worker.get_loop() is not loop:
            self._waiting = []  # those of a loop that is gone
            self._worker = loop.create_task(self._work())
        answer: asyncio.Future[A] = loop.create_future()
        self._waiting.append((question, answer))
        return await answer

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(self._wait)
            waiting, self._waiting = self._waiting, []
            batch = [each for each in waiting if not each[1].done()]  # the rest was cancelled
            if not batch:
                return
            try:
                found = await self._serve([question for question, _ in batch])
            except Exception as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for (_, answer), value in zip(batch, found, strict=True):
                    if not answer.done():  # its sample was cancelled meanwhile
                        answer.set_result(value)
