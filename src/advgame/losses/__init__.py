"""Objectives as pure tensor functions over ragged tokens: no padding, no masks, no models."""

from advgame.losses.build import build
from advgame.losses.objective import (
    CreditedBatch,
    LossTerm,
    Objective,
    PairBatch,
)

__all__ = ["CreditedBatch", "LossTerm", "Objective", "PairBatch", "build"]
