"""What a campaign expects of a target, and what it is told when there is no reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from advgame import __version__
from advgame.redteam.values import Answer, State, Usage
from advgame.types import Message, Sampling

USER_AGENT = f"advgame-redteam/{__version__} (security test by the operator of this client)"
SDKS = ("openai", "openai-api", "anthropic", "openrouter", "together", "fireworks")
"""Inspect's providers whose HTTP client we may bring, so that their requests say who sends them and
are bounded; others are bounded by the time a request may take."""
MAX_BYTES = 2**20
"""Most bytes read of one reply."""


class TargetError(Exception):
    """The target gave no reply; `state` says in which way.

    `may_pass` marks what is worth another try, `wait` the seconds the target asked for first.
    """

    def __init__(
        self, state: State, detail: str, *, may_pass: bool = False, wait: float | None = None
    ) -> None:
        super().__init__(detail)
        self.state = state
        self.detail = detail
        self.may_pass = may_pass
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may take."""

    seconds: float = 60.0
    bytes: int = MAX_BYTES


class Target(Protocol):
    """Somebody who replies to a chat."""

    @property
    def name(self) -> str:
        """As the user wrote it."""
        ...

    @property
    def at_once(self) -> int:
        """Requests it takes at once."""
        ...

    async def ask(self, chat: Sequence[Message], conversation: str, how: Sampling, /) -> Answer:
        """Return the reply to the last message of `chat`.

        Args:
            chat: the conversation so far; the last message is the user's.
            conversation: a name for it, for a target that keeps conversations itself: that of the
                attempt, or one that no other campaign has (`Named.keeps`).
            how: how to draw, where the target can be told.

        Raises:
            TargetError: there is no reply.
        """
        ...


def estimated(chat: Sequence[Message], reply: str) -> Usage:
    """Tokens as far as they can be guessed from the text, rounded up.

    Four characters of ASCII each; of any other character, such as of Chinese, one.
    """
    asked = sum(_quarters(message.content) for message in chat)
    return Usage(
        prompt_tokens=-(-asked // 4), reply_tokens=-(-_quarters(reply) // 4), estimated=True
    )


def _quarters(text: str) -> int:
    """Quarters of a token."""
    return len(text) if text.isascii() else sum(1 if c.isascii() else 4 for c in text)
