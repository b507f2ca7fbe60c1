"""What is computed together: distinct prompts, waves of them, and the stems prompts share. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from advgame.types import Sampling


@dataclass(frozen=True, slots=True)
class Row:
    """One reply to draw: `[request, reply]` is where it belongs."""

    request: int
    reply: int
    seed: int
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Group:
    """A distinct prompt and the replies to it."""

    prompt: tuple[int, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Stem:
    """Groups of a wave (by index) whose prompts begin with the same `length` tokens."""

    length: int
    groups: tuple[int, ...]


def waves(groups: Sequence[Group], budget: int) -> Iterator[tuple[Group, ...]]:
    """Yield groups, shortest prompts first, at most `budget` tokens of keys and values a wave.

    A prompt counts once, each of its replies with all the tokens it may draw. A group too large
    for a wave is divided; a single reply is never refused.
    """
    wave: list[Group] = []
    used = 0
    for group in sorted(groups, key=lambda g: len(g.prompt)):
        rows: list[Row] = []
        for row in group.rows:
            cost = row.sampling.max_new_tokens + (0 if rows else len(group.prompt))
            if used and used + cost > budget:
                yield (*wave, Group(group.prompt, tuple(rows))) if rows else tuple(wave)
                wave, rows, used = [], [], 0
                cost = row.sampling.max_new_tokens + len(group.prompt)
            rows.append(row)
            used += cost
        wave.append(Group(group.prompt, tuple(rows)))
    if wave:
        yield tuple(wave)


def stems(prompts: Sequence[Sequence[int]], least: int = 16) -> list[Stem]:
    """Cluster prompts that share their first `least` tokens or more.

    Chats of one player mostly do: the same system prompt, the same examples. What is shared is
    computed once. Every prompt keeps at least two tokens for itself. Prompts that share
    nothing worth it come together under one stem of length 0.
    """
    shared: list[Stem] = []
    alone: list[int] = []
    order = sorted(range(len(prompts)), key=lambda i: tuple(prompts[i]))
    while order:
        cluster = [order.pop(0)]
        length = len(prompts[cluster[0]]) - 2
        while order:
            following = prompts[order[0]]
            common = min(_common(prompts[cluster[-1]], following), length, len(following) - 2)
            if common < least:
                break
            length = common
            cluster.append(order.pop(0))
        if len(cluster) > 1:
            shared.append(Stem(length, tuple(cluster)))
        else:
            alone.extend(cluster)
    return shared + ([Stem(0, tuple(alone))] if alone else [])


def chunks(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield indices, shortest first, so that rows × longest stays within `budget` a chunk."""
    chunk: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if chunk and (len(chunk) + 1) * lengths[index] > budget:
            yield chunk
            chunk = []
        chunk.append(index)
    if chunk:
        yield chunk


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
