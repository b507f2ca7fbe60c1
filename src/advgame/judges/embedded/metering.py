"""What reading with a sentence encoder costs, counted as if nothing were cached.

A count that depended on the cache would differ between a run and its resumption.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from advgame.protocols import Embedder
from advgame.types import Cost


@runtime_checkable
class Metered(Protocol):
    """An encoder that knows what it costs."""

    def cost(self, texts: Sequence[str], /) -> Cost:
        """Return the cost of encoding `texts`, each on its own."""
        ...


def reading(embedder: Embedder, texts: Sequence[str]) -> Cost:
    """The cost of reading `texts`; nothing for an encoder that does not say."""
    return embedder.cost(texts) if isinstance(embedder, Metered) else Cost()
