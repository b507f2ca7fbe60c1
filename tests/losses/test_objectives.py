"""What must hold of every objective, whatever the numbers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck
from training import credited, pairs

from advgame.config.players import DPOConfig, GRPOConfig, IPOConfig
from advgame.losses import build
from advgame.losses.dpo import dpo
from advgame.losses.grpo import importance
from advgame.losses.ipo import ipo
from advgame.losses.objective import CreditedBatch, PairBatch
from advgame.losses.regularizers import k2, k3

LENGTHS = [3, 1, 4, 2]
TOTAL = sum(LENGTHS)
finite = st.floats(-30, 30, allow_nan=False)
betas = st.floats(0.01, 2)


def layout():
    lengths = torch.tensor(LENGTHS)
    return {
        "owner_T": torch.repeat_interleave(lengths),
        "lengths_C": lengths.double(),
    }


def pair_batch(chosen=(0, 0, 2), rejected=(1, 3, 1), weight=(1.0, 0.5, 2.0)):
    return PairBatch(
        **layout(),
        chosen_E=torch.tensor(chosen),
        rejected_E=torch.tensor(rejected),
        weight_E=torch.tensor(weight, dtype=torch.float64),
    )


def credited_batch(completion=(0, 1, 2, 3, 0), weight=(1.0, 1.0, 0.5, 2.0, 1.0), sampler=None):
    return CreditedBatch(
        **layout(),
        completion_E=torch.tensor(completion),
        advantage_E=torch.linspace(-1, 1, len(completion), dtype=torch.float64),
        weight_E=torch.tensor(weight, dtype=torch.float64),
        sampler_logps_T=tokens(7) if sampler is None else sampler,
    )


def tokens(seed):
    generator = torch.Generator().manual_seed(seed)
    return -3 * torch.rand(TOTAL, generator=generator, dtype=torch.float64)


PAIR_CONFIGS = [
    kind(length_normalised=normalised, nll=nll, entropy=entropy, kl=kl)
    for kind in (DPOConfig, IPOConfig)
    for normalised in (False, True)
    for nll, entropy, kl in ((0.0, 0.0, 0.0), (0.1, 0.2, 0.3))
]
GRPO_CONFIGS = [
    GRPOConfig(token_mean=mean, entropy=entropy, importance_cap=cap)
    for mean in (False, True)
    for entropy in (0.0, 0.2)
    for cap in (None, 2.0)
]


@pytest.mark.parametrize("config", PAIR_CONFIGS, ids=str)
def test_pair_gradients_are_those_of_finite_differences(config):
    objective, reference = build(config), tokens(1)

    def loss(policy, entropy):
        return objective(policy, reference, entropy, pair_batch()).total

    assert gradcheck(loss, (tokens(0).requires_grad_(), tokens(2).neg().requires_grad_()))


@pytest.mark.parametrize("config", GRPO_CONFIGS, ids=str)
def test_grpo_gradients_are_those_of_finite_differences_at_a_fixed_weight(config):
    """The importance weight is detached, so differences are taken with it held."""
    objective, reference, at = build(config), tokens(1), tokens(0)
    weight = importance(at, tokens(7), config.importance_cap)

    def held(policy, entropy):
        moving = policy.detach() - weight.log()  # a sampler that gives `weight` at any policy
        return objective(policy, reference, entropy, credited_batch(sampler=moving)).total

    policy = at.requires_grad_()
    entropy = tokens(2).neg().requires_grad_()
    assert gradcheck(held, (policy, entropy))
    exact = torch.autograd.grad(
        objective(policy, reference, entropy, credited_batch()).total, policy
    )[0]
    torch.testing.assert_close(
        exact, torch.autograd.grad(held(policy, entropy), policy)[0], rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("config", PAIR_CONFIGS, ids=str)
def test_pairs_split_into_micro_batches_add_up(config):
    objective = build(config)
    inputs = tokens(0), tokens(1), tokens(2).neg()
    whole = objective(*inputs, pair_batch())
    parts = [
        objective(*inputs, pair_batch((c,), (r,), (w,)))
        for c, r, w in ((0, 1, 1.0), (0, 3, 0.5), (2, 1, 2.0))
    ]
    torch.testing.assert_close(whole.total, sum(part.total for part in parts))
    assert whole.weight == pytest.approx(sum(part.weight for part in parts))


@pytest.mark.parametrize("config", [DPOConfig(), IPOConfig(), *GRPO_CONFIGS], ids=str)
def test_the_denominator_is_known_before_the_first_pass(config):
    examples = credited() if config.type == "grpo" else pairs()
    objective = build(config)
    expected = (
        sum(len(one.completion.token_ids) for one in examples)
        if config.type == "grpo" and config.token_mean
        else len(examples)
    )
    assert objective.denominator(examples) == expected


@pytest.mark.parametrize("token_mean", [False, True])
def test_grpo_terms_weigh_what_the_denominator_says(token_mean):
    objective = build(GRPOConfig(token_mean=token_mean))
    term = objective(tokens(0), tokens(1), tokens(2), credited_batch())
    weights, lengths = (1.0, 1.0, 0.5, 2.0, 1.0), (3, 1, 4, 2, 3)
    assert term.weight == sum(
        w * (n if token_mean else 1) for w, n in zip(weights, lengths, strict=True)
    )


@given(policy=st.lists(finite, min_size=TOTAL, max_size=TOTAL), shift=finite)
def test_only_the_gap_between_chosen_and_rejected_matters(policy, shift):
    """A constant added to the log-ratio of every completion (a partition function) cancels."""
    policy_T = torch.tensor(policy, dtype=torch.float64)
    batch = pair_batch()
    spread_T = (shift / batch.lengths_C)[batch.owner_T]
    for config in (DPOConfig(), IPOConfig()):
        first = build(config)(policy_T, tokens(1), tokens(2), batch).total
        second = build(config)(policy_T + spread_T, tokens(1), tokens(2), batch).total
        torch.testing.assert_close(first, second, rtol=1e-6, atol=1e-6)


@given(gap=finite, beta=betas)
def test_swapping_a_pair_swaps_the_preference(gap, beta):
    there, back = dpo(torch.tensor([gap, -gap], dtype=torch.float64), beta)
    # σ(x) + σ(−x) = 1
    assert float((-there).exp() + (-back).exp()) == pytest.approx(1)
    assert float(back - there) == pytest.approx(beta * gap, abs=1e-9)


@given(gap=finite, beta=betas)
def test_ipo_is_least_at_its_target(gap, beta):
    target = 1 / (2 * beta)
    values = ipo(torch.tensor([target + gap, target - gap, target], dtype=torch.float64), beta)
    assert float(values[0]) == pytest.approx(float(values[1]), rel=1e-6, abs=1e-6)
    assert float(values[2]) == 0


@given(policy=finite, reference=finite)
def test_k3_is_never_negative_and_zero_at_equality(policy, reference):
    policy_T = torch.tensor([policy, reference], dtype=torch.float64)
    apart, equal = k3(policy_T, torch.full_like(policy_T, reference))
    assert apart >= 0
    assert equal == 0


def test_the_gradient_of_k2_is_that_of_the_kl():
    """Over all tokens, each as often as the policy draws it."""
    logits = tokens(0).requires_grad_()
    policy, reference = logits.log_softmax(0), tokens(1).log_softmax(0)
    drawn = policy.exp().detach()
    (found,) = torch.autograd.grad((drawn * k2(policy, reference)).sum(), logits, retain_graph=True)
    (exact,) = torch.autograd.grad((policy.exp() * (policy - reference)).sum(), logits)
    torch.testing.assert_close(found, exact)


@given(
    policy=st.lists(finite, min_size=TOTAL, max_size=TOTAL),
    cap=st.floats(0.1, 10),
    known=st.lists(st.booleans(), min_size=TOTAL, max_size=TOTAL),
)
def test_importance_weights_are_bounded_detached_and_one_where_unknown(policy, cap, known):
    policy_T = torch.tensor(policy, dtype=torch.float64, requires_grad=True)
    known_T = torch.tensor(known)
    sampler_T = tokens(3).where(known_T, float("nan"))
    weight_T = importance(policy_T, sampler_T, cap)
    assert not weight_T.requires_grad
    assert bool(((weight_T >= 0) & ((weight_T <= cap) | ~known_T)).all())
    assert bool((weight_T[~known_T] == 1).all())
    assert bool((importance(policy_T, sampler_T, None) == 1).all())


def test_missing_sampler_logps_are_counted():
    sampler = tokens(7)
    sampler[2:5] = float("nan")
    term = build(GRPOConfig())(tokens(0), tokens(1), tokens(2), credited_batch(sampler=sampler))
    missing, counted = term.metrics["importance_missing"]
    # completion 0 (tokens 0–2) stands in two examples, completion 2 (tokens 4–7) weighs half
    assert (float(missing), counted) == (2 * 1 + 1 + 0.5, 2 * 3 + 1 + 0.5 * 4 + 2 * 2)


def test_zero_weight_adds_nothing():
    policy = tokens(0).requires_grad_()
    objective = build(DPOConfig(nll=0.1))
    with_copy = objective(policy, tokens(1), tokens(2), pair_batch((0, 2), (1, 3), (1.0, 0.0)))
    without = objective(policy, tokens(1), tokens(2), pair_batch((0,), (1,), (1.0,)))
    assert with_copy.total == without.total
    assert with_copy.weight == without.weight
    assert with_copy.metrics["reward_margin"] == without.metrics["reward_margin"]
