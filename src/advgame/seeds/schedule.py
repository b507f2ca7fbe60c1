"""Which seeds a step takes: a function of the step and the run seed, with no state to save.

A stream of draws is an endless row of epochs; each epoch is a permutation of the pool, derived
from its number. Step t takes places t·count … (t+1)·count − 1 of that row.
"""

from __future__ import annotations

from functools import lru_cache

from advgame.derive import derive
from advgame.errors import SeedError
from advgame.types import Seed


def batch(
    pool: tuple[Seed, ...], count: int, *, run_seed: int, step: int, stream: str
) -> tuple[Seed, ...]:
    """Return the `count` seeds of a step.

    Within an epoch (len(pool) draws of a stream) no seed comes twice. `stream` names what the
    seeds are for, so that different uses draw independently. Keep `count` the same for all steps
    of a stream: it says where a step begins.

    Raises:
        SeedError: seeds are wanted from an empty pool.
    """
    if count and not pool:
        raise SeedError(f"{count} seeds wanted for {stream!r}, but the pool has none")
    places = range(step * count, (step + 1) * count)
    size = len(pool)
    return tuple(
        pool[_permutation(size, run_seed, stream, place // size)[place % size]] for place in places
    )


@lru_cache(maxsize=32)
def _permutation(size: int, run_seed: int, stream: str, epoch: int) -> tuple[int, ...]:
    # Sorting by a hash gives the same order on every machine and Python version.
    return tuple(
        sorted(range(size), key=lambda index: derive(run_seed, "seeds", stream, epoch, index))
    )
