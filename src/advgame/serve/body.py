"""The body of a chat completion request: read strictly where it changes the reply.

What a client asks for and cannot have (tools, log-probabilities, penalties) is refused rather than
left out in silence. Fields that only describe the caller (`user`, `metadata`) are passed over.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from advgame.serve.errors import NotServedError, invalid
from advgame.types import Message

_ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
_IDLE: dict[str, tuple[Any, ...]] = {  # fields not served, and the values that ask for nothing
    "tools": (None, []),
    "functions": (None, []),
    "logprobs": (None, False),
    "logit_bias": (None, {}),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "repetition_penalty": (None, 1),  # this and the next two are other servers' own
    "top_k": (None, 0, -1),
    "min_p": (None, 0),
    "modalities": (None, ["text"]),
    "audio": (None,),
}


class _Open(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class _Part(_Open):
    type: Literal["text"]
    text: str


class _Turn(_Open):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part] | None = None

    def message(self) -> Message:
        """The turn as plain text."""
        content = self.content or ""
        text = content if isinstance(content, str) else "".join(part.text for part in content)
        return Message(role=_ROLES[self.role], content=text)


def _or(plain: object) -> BeforeValidator:
    """Null is as if the field were not there."""
    return BeforeValidator(lambda value: plain if value is None else value)


class _StreamOptions(_Open):
    include_usage: Annotated[bool, _or(False)] = False


Texts: TypeAlias = list[str]


class ChatBody(_Open):
    """`POST /v1/chat/completions`. What is None is the player's own to choose."""

    model: str
    messages: list[_Turn] = Field(min_length=1, max_length=1_000)
    n: Annotated[int, _or(1)] = Field(default=1, ge=1, le=64)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    stop: str | Texts | None = None
    response_format: dict[str, Any] | None = None
    stream: bool | None = False
    stream_options: _StreamOptions | None = None

    @property
    def chat(self) -> tuple[Message, ...]:
        """The turns."""
        return tuple(turn.message() for turn in self.messages)

    @property
    def stops(self) -> tuple[str, ...]:
        """What ends a reply, and is not part of it."""
        found = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(text for text in found if text)

    @property
    def wants_json(self) -> bool:
        """Whether the reply must be an object in JSON."""
        wanted = self.response_format or {"type": "text"}
        return bool(wanted.get("type") != "text")

    @property
    def most_tokens(self) -> int | None:
        """How long a reply may be."""
        return self.max_completion_tokens or self.max_tokens


def parse_body(raw: bytes) -> ChatBody:
    """Read a body.

    Raises:
        NotServedError: not JSON, a field has a wrong type or value, or something is asked for that
            is not served.
    """
    try:
        body = ChatBody.model_validate_json(raw)
    except ValidationError as error:
        # Of a value that may be of two types, what is wrong deepest inside says most.
        found = error.errors(include_url=False, include_input=False)
        deepest = max(found, key=lambda each: len(each["loc"]))
        where = ".".join(str(part) for part in deepest["loc"] if "[" not in str(part))
        raise invalid(f"{where}: {deepest['msg']}" if where else deepest["msg"]) from None
    for name, value in (body.model_extra or {}).items():
        if name in _IDLE and value not in _IDLE[name]:
            raise NotServedError(400, "unsupported", f"{name} is not served here; leave it out")
    return body
