"""Every value of a campaign: what is tried, what came of it. All frozen, none knows Inspect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from advgame.types import Kind, Message, Scene, Seed

REPLAY = "replay of "
"""How the name of an arm begins whose attacks were chosen because they had succeeded."""


class State(StrEnum):
    """How an attempt ended. Only a judged one says anything about the target's behaviour."""

    JUDGED = "judged"
    UNSCORED = "unscored"  # the judge gave no usable word
    INVALID = "invalid"  # the attack came to nothing: unreadable, or it asks for something else
    TIMEOUT = "timeout"  # too slow, or it never ended
    OVERSIZE = "oversize"  # more bytes than are read
    REDIRECT = "redirect"  # pointed elsewhere; not followed
    MALFORMED = "malformed"  # no reply where one should be
    REJECTED = "rejected"  # it does not take the request: key, size, address
    UNAVAILABLE = "unavailable"  # down, overloaded or failing, after the retries
    CRASHED = "crashed"  # a command or function that failed

    @property
    def target_failed(self) -> bool:
        """Whether the target gave no reply that could be judged."""
        return self not in (State.JUDGED, State.UNSCORED, State.INVALID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of a request; `estimated` where the target does not report them."""

    prompt_tokens: int = 0
    reply_tokens: int = 0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            reply_tokens=self.reply_tokens + other.reply_tokens,
            estimated=self.estimated or other.estimated,
        )

    @property
    def total(self) -> int:
        """Tokens read and written."""
        return self.prompt_tokens + self.reply_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a target replied. `cut`: the reply ended at the length it was allowed."""

    text: str
    usage: Usage
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One attempt that a campaign plans: at most `turns` requests to the target.

    `before` counts the requests that earlier attempts on the same seed were given.
    """

    arm: str
    seed: Seed
    attempt: int
    turns: int
    before: int

    @property
    def id(self) -> str:
        """Unique within a campaign, the same when it is resumed."""
        return f"{self.arm}/{self.seed.id}/{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A judge's word on a reply, 0–10; None = unusable. `success`: what the Attacker wants."""

    score: float | None
    success: bool | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A line of findings.jsonl: one attempt, whatever came of it.

    `success` is None where nothing can be said of the target: it failed, or the judge did. An
    invalid attack has failed. `messages` is the whole conversation, replies included. With a
    `scene` the Attacker's text stood in a document, and success is what the target did.
    """

    id: str
    arm: str
    attempt: int
    before: int
    requests: int
    seed_id: str
    seed: str
    kind: Kind
    category: str
    source: str
    messages: tuple[Message, ...]
    state: State
    success: bool | None
    detail: str = ""
    verdict: Verdict | None = None
    second: Verdict | None = None
    refused: bool | None = None
    cut: bool = False
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    scene: Scene | None = None

    @property
    def said(self) -> tuple[str, ...]:
        """What the Attacker said to the target, without the document it stood in."""
        said = tuple(each.content for each in self.messages if each.role == "user")
        scene = self.scene
        if scene is None:
            return said
        return tuple(each.removeprefix(scene.before).removesuffix(scene.after) for each in said)

    @property
    def prompt(self) -> str:
        """The last thing the Attacker said; empty if nothing."""
        return self.said[-1] if self.said else ""

    @property
    def injected(self) -> bool:
        """Whether it was a prompt injection."""
        return self.scene is not None

    @property
    def attacked(self) -> bool:
        """Whether more was done than to ask for the plain seed."""
        return self.injected or self.said != (self.seed,)

    @property
    def reply(self) -> str:
        """The last thing it replied; empty if nothing."""
        last = self.messages[-1] if self.messages else None
        return last.content if last and last.role == "assistant" else ""

    def as_json(self) -> dict[str, Any]:
        """A JSON-ready object."""
        return asdict(self)

    @classmethod
    def of_json(cls, row: Mapping[str, Any]) -> Finding:
        """Read what `as_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: the row is no finding.
        """
        return cls(
            **{
                **row,
                "kind": Kind(row["kind"]),
                "state": State(row["state"]),
                "messages": tuple(Message(**each) for each in row["messages"]),
                "verdict": _verdict(row.get("verdict")),
                "second": _verdict(row.get("second")),
                "usage": Usage(**row["usage"]),
                "scene": _scene(row.get("scene")),
            }
        )


def _verdict(row: Mapping[str, Any] | None) -> Verdict | None:
    return None if row is None else Verdict(**row)


def _scene(row: Mapping[str, Any] | None) -> Scene | None:
    return None if row is None else Scene(**{**row, "answers": tuple(row["answers"])})
