"""An HTTP client for other people's code: the bounds of `exchange` under an SDK that has none."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from advgame.redteam.targets.base import USER_AGENT, Limits, TargetError
from advgame.redteam.values import State


def bounded_client(limits: Limits) -> httpx.AsyncClient:
    """A client that follows no redirects, reads no more than `limits` allow, and says who it is."""
    return httpx.AsyncClient(transport=_Transport(limits), follow_redirects=False, timeout=None)


class _Transport(httpx.AsyncHTTPTransport):
    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["User-Agent"] = USER_AGENT
        request.headers["Accept-Encoding"] = "identity"
        answer = await super().handle_async_request(request)
        refused = _refused(answer)
        if refused is not None:
            await answer.aclose()  # else the pool has one connection less for good
            raise refused
        assert isinstance(answer.stream, httpx.AsyncByteStream)  # of an async transport
        return httpx.Response(
            status_code=answer.status_code,
            headers=answer.headers,
            stream=_Stream(answer.stream, self._limits.bytes),
            extensions=answer.extensions,
        )


def _refused(answer: httpx.Response) -> TargetError | None:
    if answer.has_redirect_location:
        return TargetError(State.REDIRECT, f"{answer.status_code}, not followed")
    if answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        return TargetError(State.MALFORMED, "compressed, unasked")
    return None


class _Stream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, most: int) -> None:
        self._inner = inner
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for chunk in self._inner:
            read += len(chunk)
            if read > self._most:
                raise TargetError(State.OVERSIZE, f"more than {self._most} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
