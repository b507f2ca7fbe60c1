"""A step computed in bfloat16 is that of float32, as near as its numbers are."""

import pytest
import torch
from training import adapters, credited, disturb, full, pairs

from advgame.config.players import DPOConfig, GRPOConfig, LearnConfig
from advgame.learn import LocalLearner

RATE = 1e-5  # below the spacing of bfloat16 at the size of these weights
OBJECTIVES = {
    "dpo": (DPOConfig(nll=0.1, entropy=0.01, kl=0.2), pairs()),
    "grpo": (GRPOConfig(importance_cap=None), credited()),
}


def step(make, dtype, objective):
    """What an update says, and the way that it moved the policy, as one vector."""
    config, examples = OBJECTIVES[objective]
    weights = make(dtype=dtype)
    disturb(weights)
    before = flat(weights)
    settings = LearnConfig(objective=config, lr=RATE, weight_decay=0)
    stats = LocalLearner(weights, settings, total_updates=9).update(examples)
    return stats, flat(weights) - before


def flat(weights):
    return torch.cat([tensor.flatten() for tensor in weights.tensors("policy").values()])


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
@pytest.mark.parametrize("make", [adapters, full])
def test_a_step_in_bfloat16_is_near_that_in_float32(make, objective):
    stats, moved = step(make, "bfloat16", objective)
    wanted, way = step(make, "float32", objective)
    assert stats.loss != wanted.loss  # or both were computed alike
    assert stats.loss == pytest.approx(wanted.loss, rel=0.01)
    assert stats.grad_norm == pytest.approx(wanted.grad_norm, rel=0.03)
    # AdamW's first step has the same size everywhere, so a sign may differ where a slope is ~0.
    assert float(moved.abs().mean()) == pytest.approx(RATE, rel=0.01)
    assert float(torch.nn.functional.cosine_similarity(moved, way, dim=0)) > 0.95
