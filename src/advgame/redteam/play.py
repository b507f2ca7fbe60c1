"""One attempt: what the strategy says, what the target answers, until the turns are used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from advgame.redteam.budget import BudgetSpent
from advgame.redteam.gate import Call, TargetDown
from advgame.redteam.ledger import Ledger
from advgame.redteam.strategies.base import Sight, Strategy
from advgame.redteam.targets.base import TargetError
from advgame.redteam.values import Answer, Finding, State, Trial, Usage
from advgame.types import Fault, Message

WHY = {
    Fault.TRUNCATED: "the Attacker's prompt is cut off",
    Fault.UNPARSEABLE: "the Attacker wrote no prompt",
    Fault.UNFAITHFUL: "the prompt asks for something else than the seed",
}


@dataclass(slots=True, kw_only=True)
class Ended:
    """An attempt that has ended and is still to be judged. `state` None: there is a reply."""

    trial: Trial
    chat: tuple[Message, ...] = ()
    state: State | None = None
    detail: str = ""
    usage: Usage = field(default_factory=Usage)
    cut: bool = False
    requests: int = 0
    seconds: float = 0.0


Ask = Callable[[Call], Awaitable[Answer]]


class Table:
    """Plays attempts. An attempt that needs the ones before it waits for them."""

    def __init__(
        self,
        strategies: Mapping[str, Strategy],
        ledger: Ledger,
        *,
        waits: Callable[[Trial], bool],
        stop_on_success: bool,
        over: Callable[[], bool] = lambda: False,
    ) -> None:
        """Play by `strategies`, named like the arms.

        Args:
            strategies: who says what, by arm.
            ledger: what is known already.
            waits: whether an attempt needs the findings of the attempts before it.
            stop_on_success: whether a seed that was broken is left alone.
            over: whether nothing can be sent any more, so that there is nothing to think of.
        """
        self._strategies = strategies
        self._ledger = ledger
        self._waits = waits
        self._stop = stop_on_success
        self._over = over
        self._open: dict[str, asyncio.Event] = {}

    def expect(self, trials: Sequence[Trial]) -> None:
        """Say which attempts are going to be played, before any is."""
        self._open = {trial.id: asyncio.Event() for trial in trials}

    def done(self, trial: Trial) -> None:
        """Say that an attempt has ended, found or not; those that wait for it go on."""
        self._open[trial.id].set()

    async def play(self, trial: Trial, ask: Ask) -> Ended | None:
        """Play one attempt; None if it is not to be made, now or at all."""
        past: tuple[Finding, ...] = ()
        if trial.attempt and (self._stop or self._waits(trial)):
            known = [await self._finding(trial, number) for number in range(trial.attempt)]
            past = tuple(each for each in known if each is not None)
            if len(past) < trial.attempt or (self._stop and any(each.success for each in past)):
                return None
        begun = time.monotonic()
        ended = Ended(trial=trial)
        try:
            await self._converse(ended, past, ask)
        except TargetError as error:
            ended.state, ended.detail = error.state, error.detail
        except (BudgetSpent, TargetDown):
            return None
        ended.seconds = time.monotonic() - begun
        return ended

    async def _converse(self, ended: Ended, past: tuple[Finding, ...], ask: Ask) -> None:
        trial = ended.trial
        kept = self._ledger.kept(trial.id)
        for turn in range(trial.turns):
            known = kept[turn] if turn < len(kept) else None
            if self._over() and not (known and known.answer):
                raise BudgetSpent("nothing can be sent")
            prompt = known.prompt if known else await self._say(ended, past, turn)
            if prompt is None:
                return
            ended.chat += (Message(role="user", content=prompt),)
            answer = known.answer if known else None
            if answer is None:
                answer = await ask(Call(trial=trial.id, turn=turn, chat=ended.chat))
            ended.requests += 1
            ended.usage += answer.usage
            ended.cut = answer.cut
            ended.chat += (Message(role="assistant", content=answer.text),)

    async def _say(self, ended: Ended, past: tuple[Finding, ...], turn: int) -> str | None:
        trial = ended.trial
        move = await self._strategies[trial.arm].say(
            Sight(
                seed=trial.seed,
                attempt=trial.attempt,
                chat=ended.chat,
                turns_left=trial.turns - turn,
                past=past,
            )
        )
        if move.fault is None:
            return trial.seed.present(move.text)
        ended.state, ended.detail = State.INVALID, WHY[move.fault]
        ended.chat += (Message(role="user", content=move.text),)
        return None

    async def _finding(self, trial: Trial, number: int) -> Finding | None:
        before = f"{trial.arm}/{trial.seed.id}/{number}"
        if before in self._open:
            await self._open[before].wait()
        return self._ledger.findings.get(before)
