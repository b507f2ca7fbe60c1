"""The web application: routes, and who and what is let in."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from advgame import __version__
from advgame.hosts import is_loopback
from advgame.serve.body import parse_body
from advgame.serve.chat import Chat
from advgame.serve.desk import Desk
from advgame.serve.errors import FAILED, NotServedError
from advgame.serve.player import Player, modes

_LOG = logging.getLogger(__name__)
_DRAIN = 16 * 2**20  # bytes of a body too large that are read to answer its sender, not kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one server takes on."""

    queue: int = 64  # replies waiting or being drawn
    body_bytes: int = 1_000_000
    body_seconds: float = 30.0
    reply_tokens: int = 1024


Handler = Callable[[Request], Awaitable[Response]]


class Service:
    """The players and what is needed to serve them."""

    def __init__(self, players: Sequence[Player], limits: Limits, key: str | None) -> None:
        """Serve `players`; with a `key` only to who knows it, without one only on this machine."""
        self._limits = limits
        self._key = key
        self._modes = modes(tuple(players))
        self._desk = Desk(players, limits.queue)
        self._begun = int(time.time())

    async def chat(self, request: Request) -> Response:
        """`POST /v1/chat/completions`."""
        body = parse_body(await self._body(request))
        chat = await Chat.read(body, self._modes, self._desk, self._limits.reply_tokens)
        if not body.stream:
            return JSONResponse(await _unless_gone(request, chat.whole()))
        self._desk.check(body.n)  # while there is a status line to say so in
        return StreamingResponse(chat.pieces(), media_type="text/event-stream")

    async def models(self, request: Request) -> Response:
        """`GET /v1/models`."""
        return JSONResponse({"object": "list", "data": list(map(self._row, self._modes))})

    async def model(self, request: Request) -> Response:
        """`GET /v1/models/NAME`."""
        name = request.path_params["name"]
        if name not in self._modes:
            raise NotServedError(404, "model_not_found", f"no model is named {name[:100]!r} here")
        return JSONResponse(self._row(name))

    def _row(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._begun, "owned_by": "advgame"}

    async def health(self, request: Request) -> Response:
        """`GET /health`: up, and how much is under way."""
        return JSONResponse({"status": "ok", "replies": self._desk.taken, "version": __version__})

    def let_in(self, request: Request) -> None:
        """Refuse a request without the key, or without one from anywhere but this machine.

        A page in a browser here can send requests to loopback, under a name of its own that
        resolves to it; neither its Host nor its content type passes.

        Raises:
            NotServedError: 401 or 403.
        """
        if self._key is not None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            known = hmac.compare_digest(given.strip().encode(), self._key.encode())
            if scheme.lower() != "bearer" or not known:
                header = {"WWW-Authenticate": "Bearer"}
                raise NotServedError(401, "invalid_api_key", "the key is missing or wrong", header)
            return
        if not _is_own(request.headers.get("host", "")):
            raise NotServedError(403, "forbidden", "this server answers on loopback only")

    async def _body(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise NotServedError(415, "unsupported_media_type", "send application/json")
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await _read(request, self._limits.body_bytes)
        except TimeoutError:
            message = f"the body did not come within {self._limits.body_seconds:g} seconds"
            raise NotServedError(408, "timeout", message, {"Connection": "close"}) from None


def build_app(players: Sequence[Player], limits: Limits, key: str | None = None) -> Starlette:
    """The application that serves `players`."""
    service = Service(players, limits, key)

    def guarded(handler: Handler, *, open_: bool = False) -> Handler:
        async def handle(request: Request) -> Response:
            try:
                if not open_:
                    service.let_in(request)
                return await handler(request)
            except NotServedError as refused:
                return _refusal(refused)
            except ClientDisconnect:
                return Response(status_code=499)  # nobody reads it
            except Exception:
                _LOG.exception("a request failed")
                return _refusal(FAILED)

        return handle

    return Starlette(
        routes=[
            Route("/v1/chat/completions", guarded(service.chat), methods=["POST"]),
            Route("/v1/models", guarded(service.models), methods=["GET"]),
            Route("/v1/models/{name}", guarded(service.model), methods=["GET"]),
            Route("/health", guarded(service.health, open_=True), methods=["GET"]),
        ],
        exception_handlers={404: _nowhere, 405: _nowhere},
    )


def _is_own(host: str) -> bool:
    """Whether a Host header names this machine: by an address, or as localhost to the letter."""
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


async def _nowhere(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return _refusal(
        NotServedError(status, "not_found", f"{request.method} is not served at this path")
    )


def _refusal(refused: NotServedError) -> Response:
    return JSONResponse(refused.body(), refused.status, headers=refused.headers)


async def _read(request: Request, most: int) -> bytes:
    """The body. One too large is read to its end, within reason, so that its sender hears why."""
    kept = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:
            kept += chunk
        elif size > most + _DRAIN:
            break
    if size > most:
        message = f"the body is larger than {most} bytes"
        raise NotServedError(413, "too_large", message, {"Connection": "close"})
    return bytes(kept)


async def _unless_gone(request: Request, work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """The result of `work`, which is dropped when the client goes away."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return await task
    finally:
        gone.cancel()
        task.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
