"""Pushing weights to a sampler in the same process: a copy from one set to another."""

from __future__ import annotations

from typing import Protocol

from advgame.models.weights import PlayerWeights
from advgame.types import WeightName


class Versioned(Protocol):
    """A sampler that says which weights its completions came from."""

    def pushed(self, version: int) -> None:
        """Take note that the weights it samples from are `version` from now on."""
        ...


class InProcessSync:
    """Copies a set to `sampler`, where the player's sampler plays from.

    A copy, so that what plays stays what was pushed while the learner goes on. The version is
    the driver's to choose: a resumed run calls the same weights by the same name.
    """

    def __init__(self, weights: PlayerWeights, sampler: Versioned) -> None:
        self._weights = weights
        self._sampler = sampler

    def push(self, source: WeightName, version: int, /) -> None:
        """Make the sampler play with `source` from now on, as version `version`."""
        self._weights.copy(source, "sampler")
        self._sampler.pushed(version)
