"""Server-sent events: a reply in pieces, as it is drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


class Pieces:
    """Cuts a growing text into pieces that are final.

    Text that may yet turn out to open a stop sequence, or that ends in half a character, waits.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        """Nothing is told yet; `stops` end the text and are not part of it."""
        self._stops = stops
        self._told = 0
        self.stopped = False

    def grow(self, text: str, *, last: bool = False) -> str:
        """What is new and final in `text`, the whole text so far; with `last` nothing waits."""
        if self.stopped:
            return ""
        ready, self.stopped = until(text, self._stops)
        if not (self.stopped or last):
            ready = ready.rstrip("\ufffd")
            held = max((_opens(ready, stop) for stop in self._stops), default=0)
            ready = ready[: len(ready) - held]
        new, self._told = ready[self._told :], max(self._told, len(ready))
        return new


def until(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """`text` up to the one of `stops` that is complete first, and whether there was one."""
    found = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    return (text[: min(found)[1]], True) if found else (text, False)


def _opens(text: str, stop: str) -> int:
    """How many characters at the end of `text` open `stop`."""
    return next((n for n in range(len(stop) - 1, 0, -1) if text.endswith(stop[:n])), 0)


def event(value: dict[str, Any]) -> bytes:
    """One event."""
    return f"data: {json.dumps(value)}\n\n".encode()


DONE = b"data: [DONE]\n\n"
