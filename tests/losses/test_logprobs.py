"""Fused log-probs against the plain formula, in value, gradient and what is kept in memory."""

import pytest
import torch
from torch.autograd import gradcheck

from advgame.losses.logprobs import linear_logprobs

TOKENS, WIDTH, VOCABULARY = 7, 5, 11


def sample(dtype=torch.float64):
    torch.manual_seed(0)
    hidden = torch.randn(TOKENS, WIDTH, dtype=dtype)
    weight = torch.randn(VOCABULARY, WIDTH, dtype=dtype)
    bias = torch.randn(VOCABULARY, dtype=dtype)
    return hidden, weight, bias, torch.randint(VOCABULARY, (TOKENS,))


def plain(hidden, weight, bias, target):
    log_p = (hidden @ weight.T + bias).log_softmax(-1)
    return log_p.gather(1, target[:, None])[:, 0], -(log_p.exp() * log_p).sum(-1)


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_values_are_those_of_the_plain_formula(rows):
    hidden, weight, bias, target = sample()
    got = linear_logprobs(hidden, weight, target, bias_V=bias, chunk_elements=rows * VOCABULARY)
    for ours, theirs in zip(got, plain(hidden, weight, bias, target), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("trained_head", [False, True])
@pytest.mark.parametrize("entropy", [False, True])
def test_gradients_are_those_of_finite_differences(trained_head, entropy):
    hidden, weight, bias, target = sample()
    hidden.requires_grad_()
    weight.requires_grad_(trained_head)
    bias.requires_grad_(trained_head)

    def outputs(hidden, weight, bias):
        logps, h = linear_logprobs(
            hidden, weight, target, bias_V=bias, entropy_grad=entropy, chunk_elements=33
        )
        return (logps, h) if entropy else logps

    assert gradcheck(outputs, (hidden, weight, bias))


def test_entropy_has_no_gradient_unless_asked_for():
    hidden, weight, _, target = sample()
    assert not linear_logprobs(hidden.requires_grad_(), weight, target)[1].requires_grad


@pytest.mark.parametrize("trained_head", [False, True])
def test_no_tensor_of_tokens_by_vocabulary_is_kept(trained_head):
    hidden, weight, _, target = sample()
    kept = []

    def note(tensor):
        kept.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        linear_logprobs(
            hidden.requires_grad_(), weight.requires_grad_(trained_head), target, entropy_grad=True
        )
    assert kept
    assert (TOKENS, VOCABULARY) not in kept


def test_autocast_computes_in_its_dtype_and_returns_float32():
    hidden, weight, bias, target = sample(torch.float32)
    weight.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        logps, _ = linear_logprobs(hidden.requires_grad_(), weight, target, bias_V=bias)
    logps.sum().backward()
    assert logps.dtype == weight.grad.dtype == hidden.grad.dtype == torch.float32
    exact = plain(hidden, weight, bias, target)[0]
    assert 0 < (logps - exact).abs().max() < 0.1
