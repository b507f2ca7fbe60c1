"""Terms that keep a policy near its reference, near the data, or spread out."""

from __future__ import annotations

import torch
from torch import Tensor

from advgame.losses.objective import Ragged


def k3(policy_T: Tensor, reference_T: Tensor) -> Tensor:
    """KL(π ‖ r) estimated at each sampled token: exp(log r − log π) − (log r − log π) − 1 ≥ 0.

    Unbiased for tokens drawn from π (Schulman, "Approximating KL divergence", 2020, estimator k3).
    Shapes [T] → [T], nats.
    """
    log_ratio = reference_T - policy_T
    return torch.expm1(log_ratio) - log_ratio


def k2(policy_T: Tensor, reference_T: Tensor) -> Tensor:
    """KL(π ‖ r) at each sampled token as a loss: ½ (log π − log r)² ≥ 0.

    For tokens drawn from π its gradient is that of KL(π ‖ r), unbiased (Schulman, 2020, estimator
    k2); k3's is that of KL(r ‖ π), and explodes on tokens that the policy has given up.
    Shapes [T] → [T], nats².
    """
    return (policy_T - reference_T).square() / 2


def nll(policy_T: Tensor, batch: Ragged) -> Tensor:
    """−log π of a completion per token: [T] → [C], nats."""
    return -batch.mean(policy_T)


def entropy(entropy_T: Tensor, batch: Ragged) -> Tensor:
    """Mean token entropy of a completion: [T] → [C], nats."""
    return batch.mean(entropy_T)
