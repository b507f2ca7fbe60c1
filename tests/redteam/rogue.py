"""Servers that misbehave on the wire, each in its own way, and targets in the user's own code."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def at_once(head: bytes, body: bytes = b"") -> Script:
    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    return play


async def drips(writer: asyncio.StreamWriter) -> None:
    """A byte now and then, for ever."""
    writer.write(OK + b"\r\n{")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def floods(writer: asyncio.StreamWriter) -> None:
    """Without end, as fast as it is read."""
    writer.write(OK + b"\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def floods_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Much: " + b"y" * 8_000 + b"\r\n")
        await writer.drain()


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def hangs_up(writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"Content-Length: 100\r\n\r\n{")
    await writer.drain()


async def talks_nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff not HTTP\r\n\r\n")
    await writer.drain()


SCRIPTS: dict[str, tuple[Script, str]] = {
    "drips": (drips, "timeout"),
    "silent": (silent, "timeout"),
    "floods": (floods, "oversize"),
    "bomb": (
        at_once(OK + b"Content-Encoding: gzip\r\n", gzip.compress(b"0" * 20_000_000)),
        "malformed",
    ),
    "floods headers": (floods_headers, "unavailable"),
    "hangs up": (hangs_up, "unavailable"),
    "nonsense": (talks_nonsense, "unavailable"),
    "moved": (at_once(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/x\r\n"), "redirect"),
    "moved for good": (
        at_once(b"HTTP/1.1 308 P\r\nLocation: https://elsewhere.example/\r\n", b"x" * 9_000_000),
        "redirect",
    ),
    "no JSON": (at_once(OK, b"<html>"), "malformed"),
    "deep JSON": (at_once(OK, b"[" * 200_000), "malformed"),
    "another JSON": (at_once(OK, b'{"choices": [{"message": {"content": 7}}]}'), "malformed"),
    "empty": (at_once(OK), "malformed"),
    "forbidden": (at_once(b"HTTP/1.1 403 Forbidden\r\n", b"no"), "rejected"),
    "overloaded": (at_once(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n"), "unavailable"),
    "broken": (at_once(b"HTTP/1.1 500 Oh\r\n", b"oh"), "unavailable"),
}


@contextmanager
def playing(script: Script) -> Iterator[str]:
    """Serve `script` to whoever connects, on an address of its own."""
    address: list[str] = []
    stop: list[Callable[[], None]] = []
    ready = threading.Event()

    async def serve() -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(over.set))

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                # All of it: closing with something unread resets the connection under the reply.
                await reader.readexactly(int(length[1]) if length else 0)
                await script(writer)
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        address.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        ready.set()
        await over.wait()
        server.close()

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(serve())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield address[0]
    finally:
        stop[0]()
        thread.join(60)


# Targets for python:rogue:NAME.


def echo(messages: list[dict[str, str]]) -> str:
    return f"{len(messages)}: {messages[-1]['content']}"


async def echo_later(messages: list[dict[str, str]]) -> str:
    await asyncio.sleep(0)
    return echo(messages)


def raises(messages: list[dict[str, str]]) -> str:
    raise ValueError("no \x1b[31mway")


def leaves(messages: list[dict[str, str]]) -> str:
    raise SystemExit(3)


async def leaves_async(messages: list[dict[str, str]]) -> str:
    raise SystemExit(3)


def tells(messages: list[dict[str, str]]) -> str:
    return f"the key is {os.environ['KEY']}"


def tells_in_failing(messages: list[dict[str, str]]) -> str:
    raise ValueError(tells(messages))


def number(messages: list[dict[str, str]]) -> int:
    return 3


def much(messages: list[dict[str, str]]) -> str:
    return "x" * 2_000_000


def never(messages: list[dict[str, str]]) -> str:
    time.sleep(3600)
    return ""


async def never_async(messages: list[dict[str, str]]) -> str:
    await asyncio.sleep(3600)
    return ""
