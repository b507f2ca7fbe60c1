"""Sums of an update over its micro-batches and ranks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor, nn

from advgame.losses import LossTerm


class Reduce(Protocol):
    """Sums a tensor over all ranks, in place."""

    def __call__(self, tensor: Tensor, /) -> None:
        """Replace `tensor` by its sum over ranks."""
        ...


def alone(_tensor: Tensor, /) -> None:
    """`Reduce` at world size 1."""


class Totals:
    """Loss and metrics as sums and denominators, in double precision; divided once, at the end.

    They live on the CPU: not every accelerator has doubles.
    """

    def __init__(self, reduce: Reduce) -> None:
        self._reduce = reduce
        self._loss = 0.0
        self._sums: dict[str, tuple[float, float]] = {}

    def over_ranks(self, value: float) -> float:
        """Return the sum of `value` over ranks."""
        tensor = torch.tensor(value, dtype=torch.float64)
        self._reduce(tensor)
        return float(tensor)

    def add(self, term: LossTerm) -> None:
        """Add a micro-batch."""
        self._loss += float(term.total.detach())
        for name, (total, weight) in term.metrics.items():
            sum_before, weight_before = self._sums.get(name, (0.0, 0.0))
            self._sums[name] = (sum_before + float(total), weight_before + weight)

    def reduce_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Sum gradients over ranks. Every loss was divided by the global denominator already."""
        for parameter in parameters:
            if parameter.grad is not None:
                self._reduce(parameter.grad)

    def loss(self, denominator: float) -> float:
        """Return the loss of the global batch."""
        return self.over_ranks(self._loss) / denominator

    def metrics(self) -> dict[str, float]:
        """Return the means over the global batch; a metric nothing counted towards is left out."""
        if not self._sums:
            return {}
        names = sorted(self._sums)
        sums = torch.tensor([self._sums[name] for name in names], dtype=torch.float64)
        self._reduce(sums)
        return {
            name: total / weight
            for name, (total, weight) in zip(names, sums.tolist(), strict=True)
            if weight
        }
