"""Writing files and folders so that a reader sees the old content, the new, or nothing.

Everything is written under a temporary name in the target's own folder, flushed to the disk, and
renamed. A crash leaves at most a `.tmp-…` entry, which `sweep` removes.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from advgame.errors import StoreError

TEMPORARY = ".tmp-"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def reporting(path: Path) -> Iterator[None]:
    """Turn a failure to write `path` into one line a user can act on.

    Raises:
        StoreError: instead of any OSError, or of the SafetensorError that wraps one.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreError(_no_room(path)) from error
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
    except SafetensorError as error:  # safetensors reports the disk's errors as its own
        if any(f"os error {code})" in str(error) for code in _FULL):
            raise StoreError(_no_room(path)) from error
        raise StoreError(f"cannot write {path}: {error}") from error


def _no_room(path: Path) -> str:
    return (
        f"no room left on the disk for {path}: free some space and continue with --resume; "
        "what was complete before is intact"
    )


@contextmanager
def staged_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path to write; when the block succeeds it becomes `target`, atomically.

    Raises:
        StoreError: the disk is full or refuses; `target` is as it was and nothing is left over.
    """
    temporary = _temporary(target)
    with reporting(target):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            flush(temporary)
            temporary.replace(target)
            flush(target.parent)
        except BaseException:
            discard(temporary)
            raise


@contextmanager
def staged_folder(target: Path) -> Iterator[Path]:
    """Yield an empty temporary folder to fill; when the block succeeds it becomes `target`.

    `target` must not exist: folders cannot be replaced atomically.

    Raises:
        StoreError: the disk is full or refuses, or `target` exists; nothing is left over.
    """
    temporary = _temporary(target)
    with reporting(target):
        try:
            discard(temporary)
            temporary.mkdir(parents=True)
            yield temporary
            for path in [*temporary.rglob("*"), temporary]:
                flush(path)
            if target.exists():
                raise FileExistsError(errno.EEXIST, "it exists already", str(target))
            temporary.rename(target)
            flush(target.parent)
        except BaseException:
            discard(temporary)
            raise


def write_bytes(target: Path, data: bytes) -> None:
    """Write `data` to `target` atomically. Raises StoreError."""
    with staged_file(target) as temporary:
        temporary.write_bytes(data)


def write_text(target: Path, text: str) -> None:
    """Write `text` to `target` as UTF-8, atomically. Raises StoreError."""
    write_bytes(target, text.encode("utf-8"))


def write_json(target: Path, value: Mapping[str, Any]) -> None:
    """Write `value` to `target` as indented JSON, atomically. Raises StoreError.

    Non-ASCII text is escaped: the file holds model output, and bidi or control characters in it
    must not reach the terminal of whoever prints it.
    """
    write_text(target, json.dumps(value, indent=1) + "\n")


def append_line(target: Path, line: str) -> None:
    """Append one line and flush it; if that fails, the file is as long as before.

    Raises:
        StoreError: the disk is full or refuses.
    """
    with reporting(target), target.open("ab") as file:
        size = file.tell()
        try:
            file.write(line.encode("utf-8") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            os.ftruncate(file.fileno(), size)
            raise


def flush(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to the disk."""
    if os.name != "posix" and path.is_dir():
        return  # Windows cannot open a folder; its renames are journalled
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard(path: Path) -> None:
    """Remove a file or folder if it exists. A folder goes by rename first: never half of it."""
    if path.is_dir() and not path.is_symlink():
        doomed = path
        if not path.name.startswith(TEMPORARY):
            doomed = _temporary(path)
            path.rename(doomed)
        shutil.rmtree(doomed)
    else:
        path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the temporary entries that a crash left in `folder`, if it exists."""
    for path in folder.glob(f"{TEMPORARY}*"):
        discard(path)


def _temporary(target: Path) -> Path:
    return target.with_name(f"{TEMPORARY}{os.getpid()}-{target.name}")
