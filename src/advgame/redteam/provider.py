"""The target as a model of Inspect, which brings concurrency, retries and logs."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    RetryDecision,
    modelapi,
)
from tenacity import RetryCallState, wait_exponential, wait_random
from tenacity.wait import wait_base

from advgame.evals.own_api import OwnAPI
from advgame.redteam.gate import Call, Gate
from advgame.redteam.targets.base import TargetError

PROVIDER = "advgame-target"
GATE: ContextVar[Gate] = ContextVar("GATE")
"""Where the provider finds the way to the target: Inspect makes it from a name alone."""
CALL: ContextVar[Call] = ContextVar("CALL")
"""What the attempt that is asking asks."""
MOST = 60.0
"""Most seconds waited before a further try, whatever the target asks for."""


class TargetAPI(OwnAPI):
    """Inspect's view of the target of the campaign under way."""

    def __init__(self, *args: Any, **named: Any) -> None:
        """Serve the target behind `GATE`; the arguments are Inspect's."""
        super().__init__(*args, **named)
        self._gate = GATE.get()

    def max_connections(self) -> int:
        """How many requests Inspect keeps under way."""
        return self._gate.target.at_once

    def should_retry(self, ex: Exception) -> RetryDecision:
        """Whether the failure may pass."""
        if isinstance(ex, TargetError) and ex.may_pass:
            return RetryDecision.transient(ex.wait)
        return RetryDecision(retry=False)

    def retry_wait(self) -> wait_base:
        """Wait as long as the target asks for, else longer each time; never past the budget."""
        return _Wait(self._gate)

    async def generate(
        self, input: list[ChatMessage], tools: Any, tool_choice: Any, config: GenerateConfig
    ) -> ModelOutput:
        """Let `CALL` through the gate.

        Raises:
            TargetError, BudgetSpent, TargetDown: as the gate.
        """
        answer = await self._gate.ask(CALL.get())
        stop = "max_tokens" if answer.cut else "stop"
        read, written = answer.usage.prompt_tokens, answer.usage.reply_tokens
        return self.said(answer.text, stop, read=read, written=written)


_BACKOFF = wait_exponential(multiplier=0.5, max=MOST) + wait_random(0, 0.5)


class _Wait(wait_base):
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.wait if isinstance(error, TargetError) else None
        wait = min(MOST, asked) if asked is not None else _BACKOFF(retry_state)
        if self._gate.shut:  # the next try will hear so
            return 0.0
        left = self._gate.meter.seconds_left
        return wait if left is None else min(wait, left)


@modelapi(name=PROVIDER)  # type: ignore[untyped-decorator]
def advgame_target() -> type[ModelAPI]:
    """The provider of the campaign's target."""
    return TargetAPI
