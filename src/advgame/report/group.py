"""Figures under one heading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from markupsafe import Markup


class Figure(Protocol):
    """What a page can show with a caption and, for two or more `lines`, a legend."""

    @property
    def title(self) -> str:
        """Its caption."""

    @property
    def note(self) -> str:
        """A word about it, or nothing."""

    @property
    def lines(self) -> Sequence[Any]:
        """What the legend lists: anything with `label` and `style`."""

    @property
    def svg(self) -> Markup:
        """The drawing."""


@dataclass(frozen=True, slots=True)
class Group:
    """Figures under one heading."""

    id: str
    title: str
    intro: str
    charts: tuple[Figure, ...]
