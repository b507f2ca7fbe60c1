"""A server of players in a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from advgame.serve.app import Limits
from advgame.serve.player import Player
from advgame.serve.server import bind, make_server


@contextmanager
def serving(players: Sequence[Player], limits: Limits | None = None) -> Iterator[str]:
    """Serve on a free port of loopback; gives the address."""
    listener = bind("127.0.0.1", 0)
    up = threading.Event()
    server = make_server(players, limits or Limits(), None, up.set)
    work = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    work.start()
    try:
        assert up.wait(60)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        work.join()
