"""Paths as users write them."""

from __future__ import annotations

from pathlib import Path


def expanded(path: str | Path) -> Path:
    """Return the path with `~` put in full; of a user that is not there as it stands.

    So that whoever opens it says that there is no such file, as of any other.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user, or no home
        return Path(path)
