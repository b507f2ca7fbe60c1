"""The schedule, the clip, and what a bad gradient does."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from advgame.config.players import LearnConfig
from advgame.learn.optim import Optimizer, learning_rate

CONFIG = LearnConfig(lr=1e-3, final_lr=0.2)


@given(total=st.integers(2, 500), warmup=st.integers(0, 20))
def test_the_rate_warms_up_then_only_falls_to_its_floor_and_stays(total, warmup):
    config = CONFIG.model_copy(update={"warmup_steps": warmup})
    rates = [learning_rate(config, update, total) for update in range(warmup, 2 * total + warmup)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(config.lr)
    assert rates[-1] == pytest.approx(0.2 * config.lr)
    warm = [learning_rate(config, update, total) for update in range(warmup)]
    assert warm == sorted(warm)
    assert all(0 < rate <= config.lr for rate in warm)


def test_the_cosine_ends_with_the_last_update():
    assert learning_rate(CONFIG, 99, 100) == pytest.approx(2e-4)
    assert learning_rate(CONFIG, 50, 101) == pytest.approx(6e-4)  # half way: the mean of the ends


def test_constant_is_constant():
    config = CONFIG.model_copy(update={"decay": "constant"})
    assert {learning_rate(config, update, 10) for update in range(30)} == {1e-3}


@given(st.lists(st.floats(0, 1), min_size=2), st.integers(0, 500))
def test_over_a_budget_the_rate_falls_with_what_is_spent_alone(spent, update):
    rates = [learning_rate(CONFIG, update, 7, share) for share in sorted(spent)]
    assert rates == sorted(rates, reverse=True)
    assert learning_rate(CONFIG, update, 7, 0.0) == pytest.approx(1e-3)
    assert learning_rate(CONFIG, update, 7, 1.2) == pytest.approx(2e-4)  # overshot: the floor


def one_parameter(value=1.0):
    return {"w": nn.Parameter(torch.full((3,), value))}


@pytest.mark.parametrize("limit", [1.0, 0.25])
def test_gradients_are_clipped_to_the_norm(limit):
    parameters = one_parameter()
    optimizer = Optimizer(parameters, CONFIG.model_copy(update={"max_grad_norm": limit}), 10)
    parameters["w"].grad = torch.full((3,), 100.0)
    outcome = optimizer.step()
    assert outcome.grad_norm == pytest.approx(100 * math.sqrt(3))
    first_moment = optimizer.tensors()["w.exp_avg"]
    assert float(first_moment.norm()) == pytest.approx((1 - CONFIG.betas[0]) * limit, rel=1e-4)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_changes_nothing_and_is_counted(bad):
    parameters = one_parameter()
    optimizer = Optimizer(parameters, CONFIG, 10)
    parameters["w"].grad = torch.ones(3)
    optimizer.step()
    weights = parameters["w"].detach().clone()
    state = {name: tensor.clone() for name, tensor in optimizer.tensors().items()}
    parameters["w"].grad = torch.tensor([1.0, bad, 1.0])
    assert optimizer.step().skipped
    assert (optimizer.skipped, optimizer.updates) == (1, 2)
    assert parameters["w"].grad is None
    assert torch.equal(parameters["w"].detach(), weights)
    for name, tensor in optimizer.tensors().items():
        assert torch.equal(tensor, state[name])
