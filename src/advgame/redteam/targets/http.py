"""Targets over HTTP: an OpenAI-compatible endpoint, or any API that a YAML file describes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
from pydantic import Field

from advgame.config.base import Config
from advgame.errors import ConfigError
from advgame.hosts import is_loopback
from advgame.redteam.targets.base import MAX_BYTES, Limits, TargetError, estimated
from advgame.redteam.targets.exchange import Exchange
from advgame.redteam.targets.files import read_target
from advgame.redteam.values import Answer, State, Usage
from advgame.types import Message, Sampling

_ENV = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SLOT = re.compile(r"\$(prompt|messages|conversation|max_tokens|temperature)\b")
ENDPOINT = "/chat/completions"
CONTENT = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


class HttpConfig(Config):
    """The keys of `http:FILE.yaml`."""

    url: str
    """Where requests go, to the letter."""
    method: Literal["POST", "PUT", "GET"] = "POST"
    """The HTTP method."""
    headers: dict[str, str] = {}
    """`${NAME}` stands for an environment variable: the place for keys."""
    body: Any = {"messages": "$messages"}
    """Sent as JSON, or as a form; `$prompt`, `$messages`, `$conversation`, `$max_tokens` and
    `$temperature` are filled in."""
    encoding: Literal["json", "form"] = "json"
    """How the body is written."""
    reply: str = "choices.0.message.content"
    """Where the reply stands in the JSON answer; empty: the answer is the reply, as text."""
    prompt_tokens: str = "usage.prompt_tokens"
    """Where the answer counts the tokens read, if it does."""
    reply_tokens: str = "usage.completion_tokens"
    """Where the answer counts the tokens written, if it does."""
    declines: tuple[int, ...] = ()
    """Statuses by which a filter in front of the target says no: an empty reply, no failure."""
    timeout: float = Field(60.0, gt=0)
    """Seconds for one request, from connecting to the last byte."""
    max_bytes: int = Field(MAX_BYTES, ge=1)
    """Most bytes read of an answer."""
    concurrency: int = Field(8, ge=1)
    """Requests under way at once."""
    authorized: bool = False
    """true: you may test this target, as `--i-am-authorized` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget:
    """A target behind an address. Implements `Target`."""

    name: str
    exchange: Exchange
    body: Any
    encoding: Literal["json", "form"] = "json"
    reply: str = "choices.0.message.content"
    prompt_tokens: str = "usage.prompt_tokens"
    reply_tokens: str = "usage.completion_tokens"
    at_once: int = 8
    authorized: bool = False
    local: bool = field(init=False)
    multi_turn: bool = field(init=False)
    keeps: bool = field(init=False)

    def __post_init__(self) -> None:
        try:
            found = _SLOT.findall(json.dumps(self.body))
        except TypeError as error:  # a YAML tag: bytes, a date, a set
            raise ConfigError(f"{self.name}: body: {error}") from None
        if "prompt" not in found and "messages" not in found:
            raise ConfigError(f"{self.name}: body holds neither $prompt nor $messages")
        object.__setattr__(self, "local", is_loopback(self.exchange.url))
        object.__setattr__(self, "keeps", "conversation" in found)
        object.__setattr__(self, "multi_turn", self.keeps or "messages" in found)

    @property
    def where(self) -> str:
        """The address."""
        return f"{self.exchange.method} {self.exchange.url}"

    async def ask(self, chat: Sequence[Message], conversation: str, how: Sampling, /) -> Answer:
        """Send the conversation and read the reply out of the answer. See `Target`."""
        values = {
            "prompt": chat[-1].content,
            "messages": [{"role": m.role, "content": m.content} for m in chat],
            "conversation": conversation,
            "max_tokens": how.max_new_tokens,
            "temperature": how.temperature,
        }
        body = _filled(self.body, values)
        # ASCII-only JSON: a lone surrogate in model text must not break the encoding.
        content = urlencode(_form(body)) if self.encoding == "form" else json.dumps(body)
        raw = await self.exchange.send(content.encode("ascii"), CONTENT[self.encoding])
        if raw is None:
            return Answer(text="", usage=estimated(chat, ""))
        return self._answer(raw, chat)

    def _answer(self, raw: bytes, chat: Sequence[Message]) -> Answer:
        text = raw.decode("utf-8", "replace")
        if not self.reply:
            return Answer(text=self._tidy(text), usage=estimated(chat, text))
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            raise TargetError(State.MALFORMED, f"no JSON in {len(raw)} bytes") from None
        found, reply = _at(answer, self.reply)
        if not found or not isinstance(reply, str | None):
            raise TargetError(State.MALFORMED, f"no text at {self.reply} in {len(raw)} bytes")
        reply = self._tidy(reply or "")
        counts = [_count(answer, path) for path in (self.prompt_tokens, self.reply_tokens)]
        guess = estimated(chat, reply)
        usage = (
            guess
            if None in counts
            else Usage(prompt_tokens=counts[0] or 0, reply_tokens=counts[1] or 0)
        )
        cut = _at(answer, "choices.0.finish_reason")[1] == "length"
        return Answer(text=reply, usage=usage, cut=cut)

    def _tidy(self, text: str) -> str:
        """Text that any file takes, without the secrets that were sent."""
        return self.exchange.unsaid(text).encode("utf-8", "replace").decode("utf-8")


def openai_target(
    name: str, model: str, base_url: str, *, key_env: str | None, limits: Limits, at_once: int
) -> HttpTarget:
    """The target `openai:MODEL@BASE_URL`.

    Raises:
        ConfigError: the address is no plain http(s) one, or the variable of the key is not set.
    """
    secrets = [_secret(key_env)] if key_env else []
    if mark := next((each for each in "?#" if each in base_url), None):
        raise ConfigError(
            f"{name}: the base URL holds a {mark!r}, but requests go to paths below it; describe "
            "an API with a query in an http: file"
        )
    base = _checked(base_url, name).rstrip("/").removesuffix(ENDPOINT)  # it is often copied whole
    return HttpTarget(
        name=name,
        exchange=Exchange(
            url=f"{base}{ENDPOINT}",
            headers={"Authorization": f"Bearer {secrets[0]}"} if secrets else {},
            secrets=tuple(secrets),
            limits=limits,
        ),
        body={
            "model": model,
            "messages": "$messages",
            "max_tokens": "$max_tokens",
            "temperature": "$temperature",
        },
        at_once=at_once,
    )


def http_target(
    name: str, path: Path, *, timeout: float | None = None, at_once: int | None = None
) -> HttpTarget:
    """The target that a YAML file describes; `timeout` and `at_once` win over what it says.

    Raises:
        ConfigError: a key, the address or a variable is wrong.
    """
    config = read_target(path, HttpConfig)
    if stray := _ENV.search(config.url + json.dumps(config.body, default=str)):
        raise ConfigError(
            f"{path}: {stray[0]} stands outside of headers: variables are filled in there alone"
        )
    # To the letter there: the target would be asked for "$prompt", and look safe.
    if slot := _SLOT.search(" ".join((config.url, *config.headers.values()))):
        raise ConfigError(f"{path}: {slot[0]} stands outside of body: it is filled in there alone")
    names = [each for value in config.headers.values() for each in _ENV.findall(value)]
    secrets = {each: _secret(each) for each in names}
    headers = {
        key: _ENV.sub(lambda found: secrets[found[1]], value)
        for key, value in config.headers.items()
    }
    for key, value in headers.items():
        if not (key + value).isascii() or not (key + value).isprintable():
            raise ConfigError(f"{path}: header {key!r} holds characters no header can carry")
    return HttpTarget(
        name=name,
        exchange=Exchange(
            url=_checked(config.url, str(path)),
            method=config.method,
            headers=headers,
            secrets=tuple(secrets.values()),
            declines=config.declines,
            limits=Limits(seconds=timeout or config.timeout, bytes=config.max_bytes),
        ),
        body=config.body,
        encoding=config.encoding,
        reply=config.reply,
        prompt_tokens=config.prompt_tokens,
        reply_tokens=config.reply_tokens,
        at_once=at_once or config.concurrency,
        authorized=config.authorized,
    )


def _checked(url: str, who: str) -> str:
    try:
        parsed = httpx.URL(url)
        host = parsed.host
    except (httpx.InvalidURL, UnicodeError):  # the second from a host in broken Punycode
        parsed, host = httpx.URL(""), ""
    if parsed.scheme not in ("http", "https") or not host:
        raise ConfigError(f"{who}: {url!r} is not an http(s) address")
    if parsed.userinfo:
        raise ConfigError(f"{who}: the address carries credentials: put them into a header")
    return url


def _secret(variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigError(f"the environment variable {variable} is not set: export the key in it")
    if not (value.isascii() and value.isprintable()):
        raise ConfigError(f"the key in ${variable} holds characters no header can carry")
    return value


def _filled(body: Any, values: Mapping[str, Any]) -> Any:
    """The body with its slots filled, in one pass: what a prompt holds is never a slot."""
    match body:
        case dict():
            return {key: _filled(value, values) for key, value in body.items()}
        case list():
            return [_filled(value, values) for value in body]
        case str() if (whole := _SLOT.fullmatch(body)) is not None:
            return values[whole[1]]
        case str():
            return _SLOT.sub(lambda found: _text(values[found[1]]), body)
        case _:
            return body


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _form(body: Any) -> dict[str, str]:
    fields = body if isinstance(body, dict) else {"body": body}
    # urlencode cannot write a lone surrogate.
    return {
        str(key): _text(value).encode("utf-8", "replace").decode() for key, value in fields.items()
    }


def _at(value: Any, path: str) -> tuple[bool, Any]:
    """Whether there is something at the dotted `path`, and what."""
    for part in filter(None, re.split(r"[.\[\]]+", path)):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False, None
    return True, value


def _count(answer: Any, path: str) -> int | None:
    value = _at(answer, path)[1]
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
