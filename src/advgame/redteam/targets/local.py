"""Targets in the user's own code: a Python function, or a command on stdin and stdout."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import shlex
import signal
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from advgame.errors import ConfigError
from advgame.hostile import clean
from advgame.imports import load_object
from advgame.redteam.secrets import unsaid
from advgame.redteam.targets.base import Limits, TargetError, estimated
from advgame.redteam.values import Answer, State
from advgame.types import Message, Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonTarget:
    """`python:MODULE:FUNCTION`: called with the chat, `[{"role", "content"}, …]`. See `Target`.

    The function returns the reply, or is a coroutine function that does. One that is not runs in
    a thread of its own, which is left behind if it does not return in time.
    """

    name: str
    function: Callable[[list[dict[str, str]]], Any]
    limits: Limits
    at_once: int

    async def ask(self, chat: Sequence[Message], conversation: str, how: Sampling, /) -> Answer:
        """Call the function."""
        messages = _as_dicts(chat)
        try:
            async with asyncio.timeout(self.limits.seconds):
                if inspect.iscoroutinefunction(self.function):
                    reply = await self.function(messages)
                else:
                    reply = await _in_thread(self.function, messages)
        except TimeoutError:
            raise _too_slow(self.limits) from None
        except (Exception, SystemExit) as error:
            said = " ".join(clean(unsaid(str(error))[:200]).split())
            # Not `from error`: Inspect logs what led to an exception, with whatever keys it says.
            raise TargetError(State.CRASHED, f"{type(error).__name__}: {said}") from None
        if not isinstance(reply, str):
            raise TargetError(State.MALFORMED, f"returned a {type(reply).__name__}, not text")
        return _answer(reply.encode("utf-8", "replace"), chat, self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTarget:
    """`command:…`: run once a request, without a shell. See `Target`.

    On stdin it gets one JSON object with `prompt`, `messages` and `conversation`; its stdout is
    the reply. A command that ends with another code than 0 has failed.
    """

    name: str
    words: tuple[str, ...]
    limits: Limits
    at_once: int

    @property
    def where(self) -> str:
        """The command."""
        return shlex.join(self.words)

    async def ask(self, chat: Sequence[Message], conversation: str, how: Sampling, /) -> Answer:
        """Run the command."""
        messages = _as_dicts(chat)
        given = {
            "prompt": messages[-1]["content"],
            "messages": messages,
            "conversation": conversation,
        }
        try:
            process = await asyncio.create_subprocess_exec(
                *self.words, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
            )
        except OSError as error:
            raise TargetError(State.CRASHED, f"{self.words[0]}: {error.strerror}") from None
        try:
            async with asyncio.timeout(self.limits.seconds):
                out, said = await self._talk(process, json.dumps(given).encode() + b"\n")
                code = await process.wait()
        except TimeoutError:
            raise _too_slow(self.limits) from None
        finally:
            await _end(process)
        if code != 0:
            words = " ".join(clean(unsaid(said.decode("utf-8", "replace"))).split())[-200:]
            raise TargetError(State.CRASHED, f"exit code {code}{f': {words}' if words else ''}")
        return _answer(out, chat, self.limits)

    async def _talk(self, process: Process, given: bytes) -> tuple[bytes, bytes]:
        assert process.stdin and process.stdout and process.stderr  # all are pipes
        with suppress(BrokenPipeError, ConnectionResetError):  # it need not read all
            process.stdin.write(given)
            await process.stdin.drain()
        process.stdin.close()
        said = asyncio.create_task(_tail(process.stderr))
        try:
            return await self._reply(process.stdout), await said
        finally:
            said.cancel()

    async def _reply(self, stream: asyncio.StreamReader) -> bytes:
        out = bytearray()
        while chunk := await stream.read(16_384):
            out += chunk
            if len(out) > self.limits.bytes:
                raise _too_long(self.limits)
        return bytes(out)


def python_target(name: str, path: str, limits: Limits, at_once: int) -> PythonTarget:
    """The target `python:MODULE:FUNCTION`.

    Raises:
        ConfigError: there is no such function.
    """
    if ":" not in path:
        raise ConfigError(f"{name}: write it as python:MODULE:FUNCTION")
    function = load_object(path, "advgame.targets")
    if not callable(function):
        raise ConfigError(f"{name}: is a {type(function).__name__}, not a function")
    return PythonTarget(name=name, function=function, limits=limits, at_once=at_once)


def command_target(name: str, line: str, limits: Limits, at_once: int) -> CommandTarget:
    """The target `command:…`.

    Raises:
        ConfigError: the line is empty, or its quotes do not close.
    """
    try:
        words = tuple(shlex.split(line))
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error
    if not words:
        raise ConfigError(f"{name}: names no command")
    return CommandTarget(name=name, words=words, limits=limits, at_once=at_once)


async def _in_thread(function: Callable[[Any], Any], messages: Any) -> Any:
    """Call in a thread that nothing waits for: a pool's would keep the process from ending."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def tell(act: Callable[[Any], None], value: Any) -> None:
        with suppress(RuntimeError):  # the loop is gone
            loop.call_soon_threadsafe(lambda: None if done.done() else act(value))

    def run() -> None:
        try:
            tell(done.set_result, function(messages))
        except (Exception, SystemExit) as error:
            tell(done.set_exception, error)

    threading.Thread(target=run, daemon=True).start()
    return await done


async def _tail(stream: asyncio.StreamReader, keep: int = 4_096) -> bytes:
    """The end of what a stream says."""
    found = b""
    while chunk := await stream.read(4_096):
        found = (found + chunk)[-keep:]
    return found


async def _end(process: Process) -> None:
    """Kill the command and what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    # `wait` also waits for the pipes to end (python/cpython#119710): not one that is full and that
    # nobody reads, nor one that a process outside of the group still holds.
    # The pipes one by one: closing the whole transport may reap the process in asyncio's place,
    # which then does not know how it ended.
    if process.stdin is not None and not process.stdin.transport.is_closing():
        process.stdin.transport.abort()
    for stream in (process.stdout, process.stderr):
        held: Any = stream  # asyncio offers no public way to close it
        held._transport.close()
    await process.wait()


def _answer(raw: bytes, chat: Sequence[Message], limits: Limits) -> Answer:
    if len(raw) > limits.bytes:
        raise _too_long(limits)
    text = unsaid(raw.decode("utf-8", "replace").strip())  # the environment is the target's, too
    return Answer(text=text, usage=estimated(chat, text))


def _as_dicts(chat: Sequence[Message]) -> list[dict[str, str]]:
    # A lone surrogate, which a model's text may hold, breaks whatever prints it.
    return [
        {"role": m.role, "content": m.content.encode("utf-8", "replace").decode()} for m in chat
    ]


def _too_slow(limits: Limits) -> TargetError:
    return TargetError(State.TIMEOUT, f"no complete reply within {limits.seconds:g} s")


def _too_long(limits: Limits) -> TargetError:
    return TargetError(State.OVERSIZE, f"more than {limits.bytes} bytes")
