"""One bounded HTTP exchange with a server that may be slow, wrong or hostile.

Redirects are not followed. The body is read as it comes (no decompression, which could expand
without bound) up to a number of bytes, and everything from connecting to the last byte has one
deadline, so a server that drips or never ends costs no more than that.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import httpx

from advgame.engines.http import retry_after
from advgame.hostile import one_line
from advgame.hosts import is_loopback
from advgame.redteam.secrets import SHORTEST
from advgame.redteam.targets.base import USER_AGENT, Limits, TargetError
from advgame.redteam.values import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An address, the headers sent to it, and the secrets among them.

    A status among `declines` is an answer: a filter in front of the target that says no. So is an
    error of the kind that providers' content filters send.
    """

    url: str
    method: str = "POST"
    headers: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    declines: tuple[int, ...] = ()
    limits: Limits = field(default_factory=Limits)

    async def send(self, content: bytes, content_type: str) -> bytes | None:
        """Send one request and return the body of a successful answer; None if it declined.

        Raises:
            TargetError: there is none.
        """
        headers = {
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            "Content-Type": content_type,
            **self.headers,
        }
        try:
            async with (
                asyncio.timeout(self.limits.seconds),
                self._client() as client,
                client.stream(self.method, self.url, content=content, headers=headers) as answer,
            ):
                body = await self._read(answer)
        except TimeoutError:
            raise TargetError(
                State.TIMEOUT, f"no complete reply within {self.limits.seconds:g} s"
            ) from None
        except httpx.HTTPError as error:
            said = self.harmless(str(error)) or type(error).__name__
            raise TargetError(State.UNAVAILABLE, said, may_pass=True) from None
        if answer.is_success:
            return body
        if answer.status_code in self.declines or _filtered(answer.status_code, body):
            return None
        raise self._refusal(answer, body)

    def _client(self) -> httpx.AsyncClient:
        # A proxy from the environment has no business with this machine's own servers.
        own = is_loopback(self.url)
        return httpx.AsyncClient(timeout=None, trust_env=not own, verify=_certificates())

    async def _read(self, answer: httpx.Response) -> bytes:
        if answer.has_redirect_location:
            return b""
        coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise TargetError(State.MALFORMED, f"compressed ({self.harmless(coding)}), unasked")
        body = bytearray()
        async for chunk in answer.aiter_raw(chunk_size=16_384):
            body += chunk
            if len(body) > self.limits.bytes:
                raise TargetError(State.OVERSIZE, f"more than {self.limits.bytes} bytes")
        return bytes(body)

    def _refusal(self, answer: httpx.Response, body: bytes) -> TargetError:
        status = answer.status_code
        if answer.has_redirect_location:
            to = self.harmless(answer.headers["Location"])
            return TargetError(State.REDIRECT, f"{status} to {to}, not followed")
        said = self.harmless(body[:2_000].decode("utf-8", "replace"))
        line = f"{status}{f': {said}' if said else ''}"
        if status in (408, 429) or status >= 500:
            wait = retry_after(answer.headers.get("Retry-After"))
            return TargetError(State.UNAVAILABLE, line, may_pass=True, wait=wait)
        return TargetError(State.REJECTED, line)

    def harmless(self, words: str) -> str:
        """A server's words as one short line without the secrets that were sent to it."""
        return one_line(self.unsaid(words))

    def unsaid(self, text: str) -> str:
        """`text` with the secrets struck out: a server may echo what it was sent.

        Short ones, such as the `none` of servers that want no key, occur by chance and stay.
        """
        for secret in self.secrets:
            if len(secret) >= SHORTEST:
                text = text.replace(secret, "***")
        return text


def _filtered(status: int, body: bytes) -> bool:
    """Whether an error says that a content filter declined the request (Azure's, OpenAI's)."""
    if status not in (400, 403):
        return False
    try:
        error = json.loads(body)["error"]
        return error["code"] in ("content_filter", "content_policy_violation")
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to believe; reading them takes longer than a request."""
    return httpx.create_ssl_context()
