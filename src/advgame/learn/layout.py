"""How the attention of a packed prefix tree is cut into batched products.

Each run sees the path before it and itself, nothing else. Queries are cut into tiles of at most
`QUERIES` tokens, each with the path up to its end. Tiles of like shape form a stack, padded to the
largest of them: one batched product a stack instead of several small ones a run. No N × N mask
exists, and no more than a stack's scores at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from advgame.learn.tree import Indices, Tree

QUERIES = 128
"""Most queries of a tile: a longer run is cut, and does not look at what lies ahead of a tile."""
_WASTE = 1.5  # a stack may hold so many times the scores its tiles need …
_FREE = 4_096  # … and this many more: below that a product costs the same
_SCORES = 1 << 20  # most scores of a stack, a head


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """B tiles padded to Q queries and K keys."""

    queries: Tensor
    """int64 [B, Q]: packed places."""
    keys: Tensor
    """int64 [B, K]"""
    bias: Tensor
    """float32 [B, 1, Q, K]: 0 where the key is visible, else −∞. A padded query sees a key."""
    padding: Tensor | None
    """bool [B, Q]: queries that are none; None where there are no such."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A stack in tensors of rows, a row a token and head."""

    queries: Tensor
    """int64: places in [N · heads] of the [B, kv_heads, share, Q] queries; share = heads a key."""
    keys: Tensor
    """int64: places in [N · kv_heads] of the [B, kv_heads, K] keys."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Who attends to whom in a pack of N tokens."""

    stacks: tuple[Stack, ...]
    place: Tensor
    """int64 [N]: where each token's query stands, the stacks laid end to end."""
    attended: int
    """Pairs (token, visible token): what attention costs."""
    longest: int
    """Tokens of the longest sequence."""
    _rows: dict[tuple[int, int], tuple[tuple[Rows, ...], Tensor]] = field(default_factory=dict)

    def rows(self, heads: int, kv_heads: int) -> tuple[tuple[Rows, ...], Tensor]:
        """Return the stacks for so many heads, and int64 [N · heads]: where each row's result is
        among the queries of all stacks. Computed once a pack."""
        key = heads, kv_heads
        if key not in self._rows:
            self._rows[key] = self._for_heads(heads, kv_heads)
        return self._rows[key]

    def _for_heads(self, heads: int, kv_heads: int) -> tuple[tuple[Rows, ...], Tensor]:
        device = self.place.device
        head = torch.arange(heads, device=device).view(kv_heads, -1, 1)
        found, results = [], []
        first = 0
        for stack in self.stacks:
            queries = stack.queries[:, None, None] * heads + head
            keys = stack.keys[:, None] * kv_heads + torch.arange(kv_heads, device=device)[:, None]
            found.append(Rows(queries.flatten(), keys.flatten()))
            own = torch.arange(first, first + queries.numel(), device=device).view(queries.shape)
            results.append(own.permute(0, 3, 1, 2).reshape(-1, heads))  # [B · Q, heads]
            first += queries.numel()
        return tuple(found), torch.cat(results)[self.place].flatten()


@dataclass(frozen=True, slots=True, eq=False)
class _Tile:
    queries: Indices
    keys: Indices

    @property
    def scores(self) -> int:
        return len(self.queries) * len(self.keys)


def layout_of(tree: Tree, device: torch.device) -> Layout:
    """Return the attention layout of a tree."""
    stacks = list(_stacks([tile for run in tree.runs for tile in _tiles(run.start, run.path)]))
    place = np.empty(tree.tokens, dtype=np.int64)
    first = 0
    for tiles, (queries, _) in stacks:
        for number, tile in enumerate(tiles):
            start = first + number * queries
            place[tile.queries] = np.arange(start, start + len(tile.queries))
        first += len(tiles) * queries
    return Layout(
        stacks=tuple(_stack(tiles, *shape, device) for tiles, shape in stacks),
        place=torch.from_numpy(place).to(device),
        attended=sum(run.attended for run in tree.runs),
        longest=max(len(run.path) for run in tree.runs),
    )


def _tiles(start: int, path: Indices) -> Iterator[_Tile]:
    """Cut a run, whose own tokens end `path`, into tiles."""
    first = int(np.searchsorted(path, start))  # places ascend along a path
    for begin in range(first, len(path), QUERIES):
        end = min(begin + QUERIES, len(path))
        yield _Tile(path[begin:end], path[:end])


def _stacks(tiles: Sequence[_Tile]) -> Iterator[tuple[list[_Tile], tuple[int, int]]]:
    """Gather tiles of like shape, with the shape they are padded to."""
    stack: list[_Tile] = []
    queries = keys = needed = 0
    for tile in sorted(tiles, key=lambda one: (len(one.queries), len(one.keys)), reverse=True):
        wide, long = max(queries, len(tile.queries)), max(keys, len(tile.keys))
        held = (len(stack) + 1) * wide * long
        if stack and held > min(_WASTE * (needed + tile.scores) + _FREE, _SCORES):
            yield stack, (queries, keys)
            stack, needed = [], 0
            wide, long = len(tile.queries), len(tile.keys)
        stack.append(tile)
        queries, keys, needed = wide, long, needed + tile.scores
    yield stack, (queries, keys)


def _stack(tiles: Sequence[_Tile], queries: int, keys: int, device: torch.device) -> Stack:
    def padded(rows: Sequence[Indices], width: int) -> NDArray[np.int64]:
        return np.stack([np.pad(row, (0, width - len(row)), mode="edge") for row in rows])

    lengths = np.array([len(tile.queries) for tile in tiles])
    known = np.array([len(tile.keys) for tile in tiles])
    # Query i of a tile sees all but the last (queries − 1 − i) of its keys; a padded one sees all.
    sees = np.minimum((known - lengths)[:, None] + np.arange(queries) + 1, known[:, None])
    hidden = np.arange(keys) >= sees[:, :, None]
    padding = np.arange(queries) >= lengths[:, None]
    bias = torch.zeros(hidden.shape).masked_fill_(torch.from_numpy(hidden), float("-inf"))
    return Stack(
        queries=torch.from_numpy(padded([tile.queries for tile in tiles], queries)).to(device),
        keys=torch.from_numpy(padded([tile.keys for tile in tiles], keys)).to(device),
        bias=bias[:, None].to(device),
        padding=torch.from_numpy(padding).to(device) if padding.any() else None,
    )
