"""The one way to the target: what it costs is set aside, what comes back is on disk first."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, replace

from advgame.redteam.budget import Meter
from advgame.redteam.ledger import Ledger
from advgame.redteam.targets.base import Target, TargetError, estimated
from advgame.redteam.values import Answer, State
from advgame.types import Message, Sampling

IN_A_ROW = 20
"""After this many tries without an answer the target is taken to be down."""
_ALONE = 3
"""So many tries without an answer are made one at a time, where tokens or money are bounded."""
_DOWN = (State.UNAVAILABLE, State.REJECTED, State.CRASHED)
"""What counts as no answer once the target has answered. A reply that is too long, too slow or
garbled may be a prompt's doing; where nothing else ever came, it is the target or its description.
"""


class TargetDown(Exception):  # noqa: N818  # the campaign's end, told to the user as an AdvGameError
    """The target has not answered for so long that going on makes no sense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request of an attempt. `chat` ends with what is said now."""

    trial: str
    turn: int
    chat: tuple[Message, ...]

    @property
    def prompt(self) -> str:
        """What is said now."""
        return self.chat[-1].content


class Gate:
    """Lets requests through to the target, one try a call."""

    def __init__(
        self,
        target: Target,
        meter: Meter,
        ledger: Ledger,
        how: Sampling,
        per_minute: float | None = None,
        campaign: str | None = None,
        answered: bool = False,
    ) -> None:
        """Guard `target`.

        Args:
            target: whom to ask.
            meter: what may be spent.
            ledger: where everything is noted.
            how: how the target is to draw.
            per_minute: requests a minute at most.
            campaign: its name, for a target that keeps conversations: what it was told under the
                same name in another campaign, or a replay of this one, must not stand in them.
            answered: whether the target has answered before, in an earlier session.
        """
        self.target = target
        self.meter = meter
        self.down: str | None = None
        self._ledger = ledger
        self._how = how
        self._campaign = campaign
        self._pause = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._turns = asyncio.Lock()
        self._silent = 0
        self._answered = answered
        self._first = asyncio.Lock()
        self._counted = False  # whether the target has said, in this session, what a prompt costs
        self._more = 0  # tokens it counted of a prompt beyond our estimate, at most so far

    @property
    def shut(self) -> bool:
        """Whether nothing goes through any more: the target is down or the budget is spent."""
        return self.down is not None or self.meter.over()

    async def ask(self, call: Call) -> Answer:
        """Try once.

        Raises:
            BudgetSpent: nothing was sent, or time ran out while waiting.
            TargetDown: nothing was sent.
            TargetError: there was no answer.
        """
        if self.meter.counts_tokens:  # by the first answer it is known what prompts really cost
            async with self._first:
                if not self._counted and self._silent < _ALONE:
                    return await self._ask(call)
        return await self._ask(call)

    async def _ask(self, call: Call) -> Answer:
        asked = estimated(call.chat, "")
        most = replace(
            asked,
            prompt_tokens=asked.prompt_tokens + self._more,
            reply_tokens=self._how.max_new_tokens,
        )
        ticket = None
        while ticket is None:  # another may have taken the room while this one waited for its turn
            await self.meter.room(most)
            await self._turn()
            if self.down:
                raise TargetDown(self.down)
            ticket = self.meter.take(most)
        used = asked  # what was sent is paid for, whatever comes back
        clock, tokens = self.meter.spent.seconds, asked.total
        try:
            self._ledger.sent(call.trial, call.turn, call.prompt, clock, tokens)
            answer = await self._in_time(call)
            used = answer.usage
            self._counted = True
            if not used.estimated:
                self._more = max(self._more, used.prompt_tokens - asked.prompt_tokens)
            clock = self.meter.spent.seconds
            self._ledger.answered(call.trial, call.turn, answer, clock, tokens)
            self._silent, self._answered = 0, True
            return answer
        except TargetError as error:
            self._ledger.failed(call.trial, call.turn, error.state, self.meter.spent.seconds)
            self._failed(error)
            raise
        finally:
            self.meter.settle(ticket, used)

    async def _in_time(self, call: Call) -> Answer:
        try:
            async with asyncio.timeout(self.meter.seconds_left):
                return await self.target.ask(call.chat, self._conversation(call), self._how)
        except TimeoutError:
            raise self.meter.time_is_up() from None

    def _conversation(self, call: Call) -> str:
        if self._campaign is None:
            return call.trial
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._campaign}/{call.trial}"))

    async def _turn(self) -> None:
        """Wait for this request's turn under the rate limit, but not for longer than time is left.

        One request waits at a time, so that those behind it end with it when the gate is shut.

        Raises:
            BudgetSpent: the time is up first.
        """
        if not self._pause:
            return
        async with self._turns:
            if self.shut:
                return
            wait = max(0.0, self._next - time.monotonic())
            left = self.meter.seconds_left
            if left is not None and wait >= left:
                await asyncio.sleep(left)
                raise self.meter.time_is_up()
            await asyncio.sleep(wait)
            self._next = time.monotonic() + self._pause

    def _failed(self, error: TargetError) -> None:
        silent = error.state in _DOWN or not self._answered
        self._silent = self._silent + 1 if silent else 0
        if self._silent >= IN_A_ROW and not self.down:
            self.down = f"no answer to {self._silent} requests in a row; the last: {error.detail}"
