"""What it is like to read a file that is not what it should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from advgame.errors import StoreError

DAMAGE: Final = (
    KeyError,
    TypeError,
    AttributeError,
    ValueError,
    IndexError,
    OverflowError,
    RecursionError,
)
"""How Python objects to a value of another shape than it was written in."""


@contextmanager
def reading(path: Path | str, holds: str = "is damaged") -> Iterator[None]:
    """Around whatever makes sense of files that somebody may have changed.

    Raises:
        StoreError: instead of anything in `DAMAGE`; "PATH HOLDS: what was met".
    """
    try:
        yield
    except DAMAGE as error:
        raise StoreError(f"{path} {holds}: {type(error).__name__} {error}") from error
