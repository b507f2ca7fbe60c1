"""Choosing what fits on a page."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from jinja2.utils import htmlsafe_json_dumps

T = TypeVar("T")


def spread(items: Sequence[T], count: int) -> list[T]:
    """Return at most `count` items at even distances, the first and the last among them.

    >>> spread(range(10), 4)
    [0, 3, 6, 9]
    """
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / max(1, count - 1))] for i in range(count)]


def interleaved(items: Iterable[T], group: Callable[[T], Hashable]) -> list[T]:
    """Order `items` so that any beginning holds the groups in equal parts, as far as they go.

    >>> "".join(interleaved("aaabb", str))
    'ababa'
    """
    seen: dict[Hashable, int] = {}
    ranked = []
    for item in items:
        rank = seen[group(item)] = seen.get(group(item), -1) + 1
        ranked.append((rank, item))
    return [item for _, item in sorted(ranked, key=lambda pair: pair[0])]


def fitting(items: Iterable[T], budget: int) -> tuple[list[T], int]:
    """Return the longest beginning of `items` whose JSON takes at most `budget` characters.

    Returns:
        (the items, the characters they take)
    """
    kept: list[T] = []
    used = 0
    for item in items:
        size = len(htmlsafe_json_dumps(item))  # as on the page: a `<` takes six characters
        if used + size > budget:
            break
        kept.append(item)
        used += size
    return kept, used


def cut(text: str, longest: int | None) -> str:
    """Return at most `longest` characters of `text`, saying how many more there were."""
    if longest is None or len(text) <= longest:
        return text
    return f"{text[:longest]} … ({len(text) - longest:,} more characters)"


def at(value: Any, *keys: str) -> Any:
    """Return `value[key][key]…`, None where a level is missing."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
