"""Randomness is derived, never carried.

Every draw has its own seed, a hash of the run seed and of what the draw is for. There is no
generator state to save, so a resumed run equals an uninterrupted one, and a draw does not depend
on how many were made before it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TypeAlias

Part: TypeAlias = str | int


def derive(run_seed: int, *parts: Part) -> int:
    """Return a seed in [0, 2⁶³) for the draw named by `parts`.

    The same on every machine and Python version. Parts are encoded as a JSON list, so
    `("a", "b")` and `("ab",)` differ, and so do `1` and `"1"`.
    """
    name = json.dumps([run_seed, *parts], ensure_ascii=True, separators=(",", ":"))
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def digest(*parts: object) -> str:
    """Return a hex hash of JSON-able `parts`, the same on every machine."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()


def file_digest(path: Path) -> str:
    """Return the hex SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
