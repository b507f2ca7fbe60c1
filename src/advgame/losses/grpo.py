"""Group-relative policy gradient with a detached, truncated importance weight.

For a completion y with advantage A, over its tokens t:

    Σ_t [ −w_t · A · log π(y_t) + β · k3_t ],    w_t = stop_gradient(min(π(y_t) / μ(y_t), cap))

where μ is what sampled it (truncated importance sampling). The gradient of the first part is
−w_t · A · ∇log π, the importance-weighted policy gradient; a ratio left attached would add a
second copy of it. Advantages are not divided by a deviation (Dr. GRPO, arXiv 2503.20783).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from advgame.losses.objective import CreditedBatch, LossTerm, per_token, weighted
from advgame.losses.regularizers import entropy, k3
from advgame.types import Credited, Example


def importance(policy_T: Tensor, sampler_T: Tensor, cap: float | None) -> Tensor:
    """min(exp(log π − log μ), cap), detached; 1 where μ is NaN (unknown) or `cap` is None."""
    if cap is None:
        return torch.ones_like(policy_T)
    ratio_T = (policy_T.detach() - sampler_T).exp().clamp(max=cap)
    return torch.where(sampler_T.isnan(), torch.ones_like(ratio_T), ratio_T)


@dataclass(frozen=True, slots=True, kw_only=True)
class GRPOObjective:
    """Token sums over Σ weight, or with `token_mean` over Σ weight · tokens.

    The entropy bonus is per token in both: a completion's mean entropy counts once a completion,
    or every token's once a token.
    """

    beta: float
    importance_cap: float | None = 2.0
    token_mean: bool = False
    entropy: float = 0.0

    @property
    def needs_reference(self) -> bool:
        """Only the KL term looks at the reference."""
        return self.beta > 0

    @property
    def trains_entropy(self) -> bool:
        """Whether the entropy bonus is on."""
        return self.entropy > 0

    def denominator(self, examples: Sequence[Example], /) -> float:
        """Return the summed weight of the completions, or of their tokens."""
        credited = [example for example in examples if isinstance(example, Credited)]
        return sum(
            one.weight * (len(one.completion.token_ids) if self.token_mean else 1)
            for one in credited
        )

    def __call__(
        self,
        policy_T: Tensor,
        reference_T: Tensor | None,
        entropy_T: Tensor,
        batch: CreditedBatch,
        /,
    ) -> LossTerm:
        """Return the summed loss of the completions; see `Objective`."""
        weight_T = importance(policy_T, batch.sampler_logps_T, self.importance_cap)
        surrogate_C = batch.sum(weight_T * policy_T)
        loss_E = -batch.advantage_E * surrogate_C[batch.completion_E]
        values = {
            "importance": weight_T,
            "importance_missing": batch.sampler_logps_T.isnan().to(policy_T.dtype),
            "entropy": entropy_T,
        }
        if self.importance_cap is not None:
            capped_T = (weight_T >= self.importance_cap) & ~batch.sampler_logps_T.isnan()
            values["importance_capped"] = capped_T.to(policy_T.dtype)
        if reference_T is not None:
            kl_T = k3(policy_T, reference_T)
            loss_E = loss_E + self.beta * batch.sum(kl_T)[batch.completion_E]
            values["kl"] = kl_T
        if self.entropy:
            bonus_C = batch.sum(entropy_T) if self.token_mean else entropy(entropy_T, batch)
            loss_E = loss_E - self.entropy * bonus_C[batch.completion_E]

        length_E = batch.lengths_C[batch.completion_E]
        scale_E = batch.weight_E * length_E if self.token_mean else batch.weight_E
        metrics = {
            name: per_token(value_T, batch, batch.weight_E, batch.completion_E)
            for name, value_T in values.items()
        } | {
            "advantage": weighted(batch.advantage_E, batch.weight_E),
            "length": weighted(length_E, batch.weight_E),
        }
        return LossTerm(
            total=(loss_E * batch.weight_E).sum(), weight=float(scale_E.sum()), metrics=metrics
        )
