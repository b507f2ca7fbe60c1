"""Figures under one heading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Figures:
    """A table of text; the first cell of a row names it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


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
    """Drawings under one heading, then tables.

    A group without `charts` is shown only for what was `flat`.
    """

    id: str
    title: str
    intro: str
    charts: tuple[Figure, ...]
    tables: tuple[Figures, ...] = ()
    more: tuple[Figure, ...] = ()  # folded below the others
    flat: tuple[str, ...] = ()  # what was the same throughout, a sentence each
