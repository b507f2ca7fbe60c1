"""The part DPO and IPO share: log-ratio gaps of pairs, regularisers, metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from advgame.losses.objective import LossTerm, PairBatch, per_token, weighted
from advgame.losses.regularizers import entropy, k2, nll
from advgame.types import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class PairObjective:
    """Σ_pairs weight · [loss(gap, β) + nll · NLL(y⁺) − entropy · H + kl · K] / Σ_pairs weight.

    `gap` is the chosen log-ratio log π − log r minus the rejected one: sums over tokens, or
    per-token means with `length_normalised`. NLL, H and K (k2 to the reference) are per token; H
    and K average both sides.
    """

    loss: Callable[[Tensor, float], Tensor]
    beta: float
    length_normalised: bool = False
    nll: float = 0.0
    entropy: float = 0.0
    kl: float = 0.0
    needs_reference: bool = True

    @property
    def trains_entropy(self) -> bool:
        """Whether the entropy bonus is on."""
        return self.entropy > 0

    def denominator(self, examples: Sequence[Example], /) -> float:
        """Return the summed weight of the pairs."""
        return sum(example.weight for example in examples)

    def __call__(
        self, policy_T: Tensor, reference_T: Tensor | None, entropy_T: Tensor, batch: PairBatch, /
    ) -> LossTerm:
        """Return the summed loss of the pairs; see `Objective`."""
        assert reference_T is not None
        log_ratio_T = policy_T - reference_T
        ratio_C = batch.mean(log_ratio_T) if self.length_normalised else batch.sum(log_ratio_T)
        chosen_E, rejected_E = ratio_C[batch.chosen_E], ratio_C[batch.rejected_E]
        nll_E = nll(policy_T, batch)[batch.chosen_E]
        entropy_E = batch.both(entropy(entropy_T, batch))

        loss_E = self.loss(chosen_E - rejected_E, self.beta)
        if self.nll:
            loss_E = loss_E + self.nll * nll_E
        if self.entropy:
            loss_E = loss_E - self.entropy * entropy_E
        if self.kl:
            loss_E = loss_E + self.kl * batch.both(batch.mean(k2(policy_T, reference_T)))

        margin_E = self.beta * (chosen_E - rejected_E).detach()
        values = {
            "reward_margin": margin_E,
            "reward_accuracy": (margin_E > 0).to(margin_E.dtype),
            "chosen_logp_change": chosen_E,
            "rejected_logp_change": rejected_E,
            "chosen_length": batch.lengths_C[batch.chosen_E],
            "rejected_length": batch.lengths_C[batch.rejected_E],
            "nll": nll_E,
        }
        sides = batch.weight_E, batch.chosen_E, batch.rejected_E
        return LossTerm(
            total=(loss_E * batch.weight_E).sum(),
            weight=float(batch.weight_E.sum()),
            metrics={name: weighted(value, batch.weight_E) for name, value in values.items()}
            | {
                # Mean log-ratio: k3 explodes on tokens that the policy has given up, and half of
                # these replies were chosen because it should.
                "kl": per_token(log_ratio_T, batch, *sides),
                "entropy": per_token(entropy_T, batch, *sides),
            },
        )
