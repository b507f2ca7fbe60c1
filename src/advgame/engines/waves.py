"""What is computed together: distinct prompts, waves of them, and the stems prompts share. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from advgame.types import Sampling

_WIDEST = 4  # times the budget that a wave may hold with prompts padded to its longest
_PADDED = 1.2  # tokens with padding over tokens without, from which a chunk is divided
_SMALL = 64  # tokens of padding that cost less than another pass


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

    A prompt counts once, each of its replies with all the tokens it may draw. Prompts are held
    padded to the longest of their wave: with that, a wave is at most four times the budget, where
    a long prompt would else follow many short ones. A group too large for a wave is divided; a
    single reply is never refused.
    """
    wave: list[Group] = []
    used = drawn = 0
    for group in sorted(groups, key=lambda g: len(g.prompt)):
        rows: list[Row] = []
        for row in group.rows:
            new = row.sampling.max_new_tokens
            cost = new + (0 if rows else len(group.prompt))
            padded = (len(wave) + 1) * len(group.prompt) + drawn + new
            if used and (used + cost > budget or padded > _WIDEST * budget):
                yield (*wave, Group(group.prompt, tuple(rows))) if rows else tuple(wave)
                wave, rows, used, drawn = [], [], 0, 0
                cost = new + len(group.prompt)
            rows.append(row)
            used, drawn = used + cost, drawn + new
        wave.append(Group(group.prompt, tuple(rows)))
    if wave:
        yield tuple(wave)


def stems(prompts: Sequence[Sequence[int]], least: int = 16) -> list[Stem]:
    """Cluster prompts by what they begin with, so that the fewest tokens are computed.

    Chats of one player share a system prompt or examples, and some of them more than others: the
    clusters are those runs of the sorted prompts whose stems of at least `least` tokens save the
    most. Every prompt keeps at least two tokens for itself. Prompts that share nothing worth it
    come together under one stem of length 0.
    """
    order = sorted(range(len(prompts)), key=lambda i: tuple(prompts[i]))
    longest = [len(prompts[i]) - 2 for i in order]
    common = [_common(prompts[one], prompts[next_]) for one, next_ in pairwise(order)]
    saved, start = [0], [0]  # best saving of the first n prompts, and where its last cluster starts
    for last in range(len(order)):
        saved.append(saved[last])
        start.append(last)
        length = longest[last]
        for first in range(last - 1, -1, -1):
            length = min(length, common[first], longest[first])
            if length < least:
                break
            saving = saved[first] + (last - first) * length - least  # a stem is one more pass
            if saving > saved[last + 1]:
                saved[last + 1], start[last + 1] = saving, first
    shared: list[Stem] = []
    alone: list[int] = []
    end = len(order)
    while end:
        first, cluster = start[end], tuple(order[start[end] : end])
        if len(cluster) > 1:
            length = min(*longest[first:end], *common[first : end - 1])
            shared.append(Stem(length, cluster))
        else:
            alone.extend(cluster)
        end = first
    return shared[::-1] + ([Stem(0, tuple(alone[::-1]))] if alone else [])


def chunks(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield indices, shortest first: rows × longest within `budget`, and little of it padding."""
    chunk: list[int] = []
    tokens = 0
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        padded = (len(chunk) + 1) * lengths[index]
        if chunk and (padded > budget or padded > _PADDED * (tokens + lengths[index]) + _SMALL):
            yield chunk
            chunk, tokens = [], 0
        chunk.append(index)
        tokens += lengths[index]
    if chunk:
        yield chunk


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
