"""Verdicts on disk, so that the same question is not paid for twice.

Keys are content hashes, values are plain text: whatever lies in the folder is read as text or not
at all (no pickle). The cache is a convenience: when it breaks (disk full, damaged file, no
permission) it says so once and the run goes on without it.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

import diskcache

_LOG = logging.getLogger(__name__)
_FAILURES = (OSError, sqlite3.Error, diskcache.Timeout, ValueError)


class _TextDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache ships no types
    """Stores text inside the database and refuses everything else, pickles above all."""

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> str:
        if mode != diskcache.core.MODE_RAW or not isinstance(value, str):
            raise ValueError("an entry that is not text")
        return value


class VerdictCache:
    """A folder of judge outputs that held a usable verdict."""

    def __init__(self, folder: Path, *, megabytes: int = 1024) -> None:
        """Open or make `folder`; the oldest verdicts leave when it outgrows `megabytes`."""
        self._folder = folder
        self._store: Any = None
        try:
            self._store = diskcache.Cache(
                str(folder),
                timeout=5,
                disk=_TextDisk,
                disk_min_file_size=2**30,  # text never leaves the database
                size_limit=megabytes * 2**20,
            )
        except _FAILURES as error:
            self._give_up(error)

    def get(self, key: str) -> str | None:
        """Return the output kept under `key`."""
        if self._store is None:
            return None
        try:
            found: str | None = self._store.get(key)
        except _FAILURES as error:
            self._give_up(error)
            return None
        return found

    def put(self, key: str, output: str) -> None:
        """Keep `output` under `key`."""
        if self._store is None:
            return
        try:
            self._store.set(key, output)
        except _FAILURES as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._store = None
        _LOG.warning(
            "judge cache %s is unusable (%s): going on without it; free disk space or delete it",
            self._folder,
            error,
        )
