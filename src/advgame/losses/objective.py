"""What an objective is given and what it returns.

Shape suffixes: T tokens of all completions, one after another; C completions; E examples
(pairs, or credited completions). Several examples may point at one completion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from advgame.types import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Ragged:
    """Completions of different lengths laid end to end."""

    owner_T: Tensor
    """int64: the completion each token belongs to."""
    lengths_C: Tensor
    """Tokens of each completion, in the dtype of the log-probs; all ≥ 1."""

    def sum(self, values_T: Tensor) -> Tensor:
        """Σ over the tokens of each completion: [T] → [C]."""
        return values_T.new_zeros(len(self.lengths_C)).index_add(0, self.owner_T, values_T)

    def mean(self, values_T: Tensor) -> Tensor:
        """Mean over the tokens of each completion: [T] → [C]."""
        return self.sum(values_T) / self.lengths_C


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBatch(Ragged):
    """Preferences: completion `chosen_E[i]` beats completion `rejected_E[i]`."""

    chosen_E: Tensor
    rejected_E: Tensor
    weight_E: Tensor

    def both(self, values_C: Tensor) -> Tensor:
        """Mean over the two completions of each pair: [C] → [E]."""
        return (values_C[self.chosen_E] + values_C[self.rejected_E]) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditedBatch(Ragged):
    """Completions with advantages, and what their sampler said of their tokens."""

    completion_E: Tensor
    advantage_E: Tensor
    weight_E: Tensor
    sampler_logps_T: Tensor
    """NaN where the sampler recorded none."""


Metric = tuple[Tensor | float, float]
"""A sum and its denominator; both add up over micro-batches and ranks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTerm:
    """A sum and its denominator, never a mean of means.

    The loss of an optimiser step is Σ total / Σ weight over all its micro-batches and ranks.
    """

    total: Tensor
    weight: float
    metrics: Mapping[str, Metric] = field(default_factory=dict)


B = TypeVar("B", PairBatch, CreditedBatch, contravariant=True)


class Objective(Protocol, Generic[B]):
    """A loss over the completions of one micro-batch."""

    @property
    def needs_reference(self) -> bool:
        """Whether `reference_T` must be given."""
        ...

    @property
    def trains_entropy(self) -> bool:
        """Whether the loss depends on `entropy_T`, so that it needs a gradient."""
        ...

    def denominator(self, examples: Sequence[Example], /) -> float:
        """Return what the totals over `examples` are divided by: known before any forward pass."""
        ...

    def __call__(
        self, policy_T: Tensor, reference_T: Tensor | None, entropy_T: Tensor, batch: B, /
    ) -> LossTerm:
        """Return the loss of a micro-batch.

        Args:
            policy_T: log π of each completion token, with gradient.
            reference_T: log r of the same tokens, without.
            entropy_T: entropy of π at each token, nats.
            batch: whose tokens they are.
        """
        ...


def weighted(values_E: Tensor, weight_E: Tensor) -> Metric:
    """Return the weighted sum of one value an example and the sum of the weights."""
    return (values_E.detach() * weight_E).sum(), float(weight_E.sum())


def per_token(values_T: Tensor, batch: Ragged, weight_E: Tensor, *completions_E: Tensor) -> Metric:
    """Return the sum over the tokens of every example's completions, and their number, weighted.

    A completion counts as often as examples name it, so that the mean does not depend on how
    examples fall into micro-batches.
    """
    sums_C = batch.sum(values_T.detach())
    total_E = torch.stack([sums_C[index_E] for index_E in completions_E]).sum(0)
    length_E = torch.stack([batch.lengths_C[index_E] for index_E in completions_E]).sum(0)
    return (total_E * weight_E).sum(), float((length_E * weight_E).sum())
