"""The process that serves: a socket, a key, a graceful end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from advgame.errors import ConfigError, StoreError
from advgame.hosts import is_loopback
from advgame.serve.app import Limits, build_app
from advgame.serve.player import Player

try:
    import uvicorn
except ImportError as error:  # starlette comes first, in `app`
    raise ConfigError("serving needs uvicorn; run `pip install 'advgame[serve]'`") from error

_LEAST_KEY = 16
_CONNECTIONS = 256
_GRACE = 60  # seconds that replies under way are given when the server is told to stop


def key_for(host: str, key_env: str) -> str | None:
    """The key clients must send, read from the environment; None on loopback where it is unset.

    Raises:
        ConfigError: others can reach `host` and there is no key, or it is too short or unusable.
    """
    key = os.environ.get(key_env)
    if not key:
        if is_loopback(host):
            return None
        raise ConfigError(
            f"--host {host} lets others in: set {key_env} to a key of {_LEAST_KEY} characters or "
            "more, or serve on 127.0.0.1"
        )
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(f"{key_env}: a key is printable ASCII without spaces")
    if len(key) < _LEAST_KEY and not is_loopback(host):
        raise ConfigError(f"{key_env}: a key has {_LEAST_KEY} characters or more")
    return key


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        StoreError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen()  # by now, not when the models are loaded, nobody else can have the port
    except OSError as error:
        made.close()
        reason = error.strerror or str(error)
        raise StoreError(f"cannot serve on {host} port {port}: {reason}") from error
    return made


def run(
    players: Sequence[Player],
    listener: socket.socket,
    limits: Limits,
    key: str | None,
    ready: Callable[[], None],
) -> None:
    """Serve until SIGINT or SIGTERM. Replies under way are finished first; a second signal ends.

    Args:
        players: who plays.
        listener: from `bind`.
        limits: what is taken on.
        key: what clients must send.
        ready: called when connections are accepted.
    """
    asyncio.run(make_server(players, limits, key, ready).serve(sockets=[listener]))


def make_server(
    players: Sequence[Player], limits: Limits, key: str | None, ready: Callable[[], None]
) -> uvicorn.Server:
    """A server whose `serve(sockets=[…])` runs until its `should_exit` is set."""
    config = uvicorn.Config(
        build_app(players, limits, key),
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_GRACE,
    )
    return _Server(config, ready)


class _Server(uvicorn.Server):
    """Says when it is ready, and ends quietly on a signal where uvicorn raises it once more."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # nobody can listen to signals there
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
