"""Token sequences as a prefix tree, so that a prefix several of them share is computed once.

A prompt shared by eight completions, a few-shot opening shared by sixteen prompts, a completion
that stands in four pairs: each distinct prefix takes part in a forward pass exactly once. Numpy
only; `layout.py` turns the tree into tensors.

    sequences   [p p p a a]   [p p p b b b]   [p p p a a]
    packed       p p p a a            b b b                      8 tokens instead of 16
    runs        (0, 5)               (5, 8) after path 0 1 2     none: nothing new
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_SHARED = 8
"""Shorter common prefixes (a start token) are not worth attending across."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Tokens new to the tree, contiguous in the pack: [start, stop).

    `path` holds the packed places of the whole sequence up to the run's end, its own included;
    token i of the run sees all of the path up to itself.
    """

    start: int
    stop: int
    path: Indices

    @property
    def attended(self) -> int:
        """Pairs (token, visible token): what its attention costs."""
        new, context = self.stop - self.start, len(self.path) - (self.stop - self.start)
        return new * context + new * (new + 1) // 2


class Tree:
    """Grows by whole sequences."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.tokens = 0
        """Distinct tokens held: the length of the pack."""
        self._known: dict[tuple[int, ...], list[tuple[Indices, Indices]]] = {}

    def fork(self) -> Tree:
        """Return a copy that grows on its own."""
        copy = Tree()
        copy.runs, copy.tokens = list(self.runs), self.tokens
        copy._known = {opening: list(known) for opening, known in self._known.items()}
        return copy

    def add(self, sequence: Sequence[int]) -> Indices:
        """Add a sequence; return the packed place of each of its tokens."""
        ids = np.asarray(sequence, dtype=np.int64)
        shared, shared_path = self._longest(ids)
        new = len(ids) - shared
        own = np.arange(self.tokens, self.tokens + new, dtype=np.int64)
        path = np.concatenate((shared_path, own))
        if new:
            self.runs.append(Run(self.tokens, self.tokens + new, path))
            self.tokens += new
            self._known.setdefault(_opening(ids), []).append((ids, path))
        return path

    def input_ids(self) -> Indices:
        """Return the packed tokens, [tokens]."""
        out = np.empty(self.tokens, dtype=np.int64)
        for ids, path in self._sequences():
            out[path] = ids
        return out

    def positions(self) -> Indices:
        """Return each packed token's place in its own sequence, [tokens]."""
        out = np.empty(self.tokens, dtype=np.int64)
        for ids, path in self._sequences():
            out[path] = np.arange(len(ids))
        return out

    def _sequences(self) -> list[tuple[Indices, Indices]]:
        return [entry for bucket in self._known.values() for entry in bucket]

    def _longest(self, ids: Indices) -> tuple[int, Indices]:
        """Return the longest known prefix of `ids`, at least MIN_SHARED, and where it lies."""
        best, best_path = 0, np.empty(0, dtype=np.int64)
        for known, path in self._known.get(_opening(ids), ()):
            length = min(len(ids), len(known))
            differs = np.flatnonzero(ids[:length] != known[:length])
            shared = int(differs[0]) if len(differs) else length
            if shared > best:
                best, best_path = shared, path[:shared]
        return best, best_path


def _opening(ids: Indices) -> tuple[int, ...]:
    return tuple(ids[:MIN_SHARED].tolist())
