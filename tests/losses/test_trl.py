"""Our objectives against TRL's own loss code, run on the same log-probs."""

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch

from advgame.losses.dpo import dpo
from advgame.losses.grpo import GRPOObjective
from advgame.losses.ipo import ipo
from advgame.losses.objective import CreditedBatch, PairBatch
from advgame.losses.pairs import PairObjective

PAIRS, LENGTH, BETA = 4, 6, 0.3
LENGTHS = torch.tensor([6, 3, 5, 1, 2, 6, 4, 2])  # chosen ones, then rejected ones
MASK = (torch.arange(LENGTH) < LENGTHS[:, None]).long()


def logps(seed):
    generator = torch.Generator().manual_seed(seed)
    return -2 * torch.rand(2 * PAIRS, LENGTH, generator=generator, dtype=torch.float64)


def ragged(values):
    return values[MASK.bool()]


def layout():
    return {
        "owner_T": torch.repeat_interleave(torch.arange(2 * PAIRS), LENGTHS),
        "lengths_C": LENGTHS.double(),
    }


def pair_batch():
    return PairBatch(
        **layout(),
        chosen_E=torch.arange(PAIRS),
        rejected_E=torch.arange(PAIRS, 2 * PAIRS),
        weight_E=torch.ones(PAIRS, dtype=torch.float64),
    )


ACCELERATOR = SimpleNamespace(
    device="cpu",
    num_processes=1,
    sync_gradients=False,
    gather=lambda x: x,
    gather_for_metrics=lambda x: x,
    reduce=lambda x, reduction: x,
)


def trl_dpo(loss_type, policy, reference):
    trl = pytest.importorskip("trl.trainer.dpo_trainer")
    before = torch.zeros(len(policy), 1, dtype=policy.dtype)  # the prompt's one token

    def outputs(log_probs):
        zeros = torch.zeros_like(log_probs)
        return SimpleNamespace(
            log_probs=log_probs, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool()
        )

    mask = torch.cat([before.long(), MASK], dim=1)
    self = SimpleNamespace(
        model=SimpleNamespace(training=True),
        accelerator=ACCELERATOR,
        aux_loss_enabled=False,
        ld_alpha=None,
        precompute_ref_logps=True,
        f_divergence_type="reverse_kl",
        loss_types=[loss_type],
        loss_weights=[1.0],
        beta=BETA,
        use_weighting=False,
        label_smoothing=0.0,
        _metrics=defaultdict(lambda: defaultdict(list)),
        _total_train_tokens=0,
        _tp_size=1,
    )
    sums = (reference * MASK).sum(1)
    inputs = {
        "input_ids": torch.zeros_like(mask),
        "attention_mask": torch.ones_like(mask),
        "completion_mask": mask,
        "ref_chosen_logps": sums[:PAIRS],
        "ref_rejected_logps": sums[PAIRS:],
    }
    model = lambda **_: outputs(policy * MASK)  # noqa: E731
    loss = trl.DPOTrainer._compute_loss(self, model, inputs, False)
    return loss, self._metrics["train"]


@pytest.mark.parametrize(
    ("name", "function", "normalised"),
    [("sigmoid", dpo, False), ("sigmoid_norm", dpo, True), ("ipo", ipo, True)],
)
def test_pair_losses_metrics_and_gradients_are_trls(name, function, normalised):
    ours, theirs = logps(0).requires_grad_(), logps(0).requires_grad_()
    reference = logps(1)
    expected, metrics = trl_dpo(name, theirs, reference)
    expected.backward()

    objective = PairObjective(loss=function, beta=BETA, length_normalised=normalised)
    policy_T = ragged(ours)
    term = objective(policy_T, ragged(reference), torch.zeros_like(policy_T), pair_batch())
    (term.total / term.weight).backward()

    torch.testing.assert_close(term.total / term.weight, expected)
    torch.testing.assert_close(ours.grad, theirs.grad)
    if not normalised:
        total, weight = term.metrics["reward_margin"]
        assert float(total) / weight == pytest.approx(metrics["rewards/margins"][0])
        total, weight = term.metrics["reward_accuracy"]
        assert float(total) / weight == pytest.approx(metrics["rewards/accuracies"][0])


def test_ipo_regresses_the_sum_when_not_normalised():
    policy, reference = logps(0), logps(1)
    ratio = ((policy - reference) * MASK).sum(1)
    expected = ((ratio[:PAIRS] - ratio[PAIRS:] - 1 / (2 * BETA)) ** 2).mean()
    objective = PairObjective(loss=ipo, beta=BETA)
    term = objective(
        ragged(policy), ragged(reference), torch.zeros_like(ragged(policy)), pair_batch()
    )
    torch.testing.assert_close(term.total / term.weight, expected)


def trl_grpo(policy, reference, sampler, advantages, beta, cap, entropies, entropy_coef):
    """TRL's CISPO branch is the truncated, detached importance weight; DAPO's divisor, tokens."""
    trl = pytest.importorskip("trl.trainer.grpo_trainer")
    self = SimpleNamespace(
        model=SimpleNamespace(training=True),
        accelerator=ACCELERATOR,
        args=SimpleNamespace(use_bias_correction_kl=False, steps_per_generation=1, delta=None),
        aux_loss_enabled=False,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        importance_sampling_level="token",
        beta=beta,
        loss_type="cispo",
        epsilon_high=cap,
        use_vllm=False,
        vllm_importance_sampling_correction=False,
        current_gradient_accumulation_steps=1,
        _entropy_bonus_enabled=entropy_coef > 0,
        use_adaptive_entropy=False,
        entropy_coef=entropy_coef,
        _metrics=defaultdict(lambda: defaultdict(list)),
        _get_per_token_logps_and_entropies=lambda *_, **__: (policy, entropies, None),
    )
    prompt = torch.zeros(len(policy), 1, dtype=torch.long)
    inputs = {
        "prompt_ids": prompt,
        "prompt_mask": torch.ones_like(prompt),
        "completion_ids": torch.zeros_like(MASK),
        "completion_mask": MASK,
        "advantages": advantages,
        "old_per_token_logps": sampler,
        "ref_per_token_logps": reference,
        "num_items_in_batch": MASK.sum(),
    }
    loss = trl.GRPOTrainer._compute_loss(self, None, inputs)
    return loss, self._metrics["train"]


@pytest.mark.parametrize("cap", [1.1, 2.0])
@pytest.mark.parametrize("beta", [0.0, 0.2])
@pytest.mark.parametrize(("token_mean", "entropy"), [(True, 0.0), (True, 0.3), (False, 0.0)])
def test_grpo_loss_and_gradient_are_trls(cap, beta, token_mean, entropy):
    ours, theirs = logps(0).requires_grad_(), logps(0).requires_grad_()
    reference, sampler = logps(1), logps(2)
    entropies = logps(3).neg().requires_grad_()
    advantages = torch.linspace(-1, 1, 2 * PAIRS, dtype=torch.float64)
    expected, metrics = trl_grpo(
        theirs, reference, sampler, advantages, beta, cap, entropies, entropy
    )
    if not token_mean:  # the same sum over another denominator
        expected = expected * MASK.sum() / len(MASK)
    expected.backward()
    expected_entropy_grad = entropies.grad
    entropies.grad = None

    objective = GRPOObjective(beta=beta, importance_cap=cap, token_mean=token_mean, entropy=entropy)
    batch = CreditedBatch(
        **layout(),
        completion_E=torch.arange(2 * PAIRS),
        advantage_E=advantages,
        weight_E=torch.ones(2 * PAIRS, dtype=torch.float64),
        sampler_logps_T=ragged(sampler),
    )
    term = objective(ragged(ours), ragged(reference) if beta else None, ragged(entropies), batch)
    (term.total / term.weight).backward()

    torch.testing.assert_close(term.total / term.weight, expected)
    torch.testing.assert_close(ours.grad, theirs.grad)
    if entropy:
        torch.testing.assert_close(entropies.grad, expected_entropy_grad)
    if beta:
        total, weight = term.metrics["kl"]
        assert float(total) / weight == pytest.approx(metrics["kl"][0])
