"""Targets that Inspect reaches: `model:` (weights in this process), `inspect:` (any provider)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    get_model,
)
from rich.errors import MarkupError
from rich.text import Text
from tenacity import RetryError

from advgame.derive import derive
from advgame.errors import ConfigError
from advgame.evals.provider import AT_ONCE, AdvGameAPI
from advgame.hostile import one_line
from advgame.redteam.secrets import unsaid
from advgame.redteam.targets.base import SDKS, Limits, TargetError, estimated
from advgame.redteam.targets.bounded import bounded_client
from advgame.redteam.values import Answer, State, Usage
from advgame.types import Message, Sampling

_CLASSES = {
    "user": ChatMessageUser,
    "assistant": ChatMessageAssistant,
    "system": ChatMessageSystem,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectTarget:
    """A model of Inspect. Implements `Target`.

    Its provider is asked once a call: trying again is the campaign's business, which counts tries.
    """

    name: str
    model: Model
    limits: Limits
    at_once: int

    async def ask(self, chat: Sequence[Message], conversation: str, how: Sampling, /) -> Answer:
        """Let the provider generate. See `Target`."""
        config = GenerateConfig(
            temperature=how.temperature,
            max_tokens=how.max_new_tokens,
            max_retries=0,
            # Its own provider needs one; others draw as they like, and some refuse a seed.
            seed=derive(0, conversation, len(chat)) if self._own else None,
        )
        try:
            async with asyncio.timeout(
                None if math.isinf(self.limits.seconds) else self.limits.seconds
            ):
                output = await self.model.generate(in_inspect(chat), config=config, cache=False)
        except TimeoutError:
            raise TargetError(
                State.TIMEOUT, f"no complete reply within {self.limits.seconds:g} s"
            ) from None
        except Exception as error:
            raise self._failure(error) from None
        text = output.completion
        if len(text.encode("utf-8", "replace")) > self.limits.bytes:
            raise TargetError(State.OVERSIZE, f"more than {self.limits.bytes} bytes")
        if output.empty and output.error:
            raise TargetError(State.REJECTED, _said(output.error))
        if output.stop_reason == "model_length" and not text:
            raise TargetError(State.REJECTED, "the prompt does not fit the model")
        usage = estimated(chat, text)
        if output.usage:
            used = output.usage
            usage = Usage(prompt_tokens=used.input_tokens, reply_tokens=used.output_tokens)
        cut = output.stop_reason == "max_tokens"
        return Answer(text=unsaid(text), usage=usage, cut=cut)

    @property
    def _own(self) -> bool:
        return isinstance(self.model.api, AdvGameAPI)

    def _failure(self, error: Exception) -> TargetError:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, TargetError):  # from our own client
            cause = cause.__cause__
        if isinstance(cause, TargetError):
            return cause
        if isinstance(error, RetryError):
            found = error.last_attempt.exception()
            error = found if isinstance(found, Exception) else error
        may_pass = bool(self.model.api.should_retry(error))
        state = State.UNAVAILABLE if may_pass else State.REJECTED
        return TargetError(state, _said(f"{type(error).__name__}: {error}"), may_pass=may_pass)


def inspect_target(name: str, model: str, limits: Limits, at_once: int) -> InspectTarget:
    """The target `inspect:PROVIDER/MODEL`.

    Raises:
        ConfigError: Inspect knows no such provider, or it lacks a package or a key.
    """
    own: dict[str, Any] = {}
    if model.partition("/")[0] in SDKS:
        own = {"max_retries": 0, "http_client": bounded_client(limits)}
    try:
        made = get_model(model, memoize=False, **own)
    except Exception as error:  # every provider has its own
        raise ConfigError(f"{name}: {_said(_unmarked(str(error)))}") from error
    return InspectTarget(name=name, model=made, limits=limits, at_once=at_once)


def model_target(name: str, model: str, step: int | None) -> InspectTarget:
    """The target `model:NAME|FOLDER|RUN`, loaded in this process.

    Raises:
        AdvGameError: there is no such model.
    """
    made = get_model(f"advgame/{model}", memoize=False, cached=False, step=step)
    return InspectTarget(
        name=name,
        model=made,
        limits=Limits(seconds=math.inf),
        at_once=AT_ONCE,
    )


def in_inspect(chat: Sequence[Message]) -> list[ChatMessage]:
    """A chat as Inspect's messages, without lone surrogates, which its files cannot take."""
    return [
        _CLASSES[message.role](content=message.content.encode("utf-8", "replace").decode())
        for message in chat
    ]


def _unmarked(text: str) -> str:
    """Inspect's words without the colours it gives them."""
    try:
        return Text.from_markup(text).plain
    except MarkupError:
        return text


def _said(text: str) -> str:
    return one_line(unsaid(text))
