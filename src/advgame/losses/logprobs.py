"""Log-probabilities of tokens straight from hidden states: full logits are never kept.

With z = W h (+ b), p = softmax(z), y the target and H = −Σ p log p:

    log p_y = z_y − logsumexp(z)          ∂(log p_y)/∂z = e_y − p
                                          ∂H/∂z        = −p · (log p + H)

A token's values depend on its own h alone, so the loss enters their gradient only as one factor a
token. While W is frozen (adapters) the forward pass therefore already stores
∂(log p_y)/∂h = Wᵀ(e_y − p), [T, D], and the backward pass is a product: the logits are computed
once. Where W is trained they are recomputed chunk by chunk in the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK_ELEMENTS = 1 << 23
"""Logits held at once: rows × vocabulary."""
_BLOCK_ELEMENTS = 1 << 19
"""Logits worked on at once: few enough to stay in a CPU's cache."""


def log_total(logits: Tensor, p: Tensor) -> Tensor:
    """Return logsumexp of each row of `logits`, [rows], whose softmax is `p`.

    The largest logit's share is exp(0) / total: no exponential is computed a second time.
    """
    return logits.amax(-1) - p.amax(-1).log()


def linear_logprobs(
    hidden_TD: Tensor,
    weight_VD: Tensor,
    target_T: Tensor,
    *,
    bias_V: Tensor | None = None,
    entropy_grad: bool = False,
    chunk_elements: int = CHUNK_ELEMENTS,
) -> tuple[Tensor, Tensor]:
    """Return log softmax(W h + b)[target] and the entropy of that softmax, both [T], in nats.

    Both are float32 (float64 for float64 input). Differentiable once in hidden, weight and bias;
    the entropy only with `entropy_grad`. Under autocast the products run in its dtype.
    """
    device = hidden_TD.device.type
    if torch.is_autocast_enabled(device):  # the backward pass runs outside of it: cast here
        dtype = torch.get_autocast_dtype(device)
        hidden_TD, weight_VD = hidden_TD.to(dtype), weight_VD.to(dtype)
        bias_V = None if bias_V is None else bias_V.to(dtype)
    rows = max(1, chunk_elements // len(weight_VD))
    grad = torch.is_grad_enabled()
    jacobian = grad and hidden_TD.requires_grad and not weight_VD.requires_grad
    apply: Any = _LinearLogProbs.apply
    logps_T, entropy_T = apply(hidden_TD, weight_VD, bias_V, target_T, entropy_grad, jacobian, rows)
    return logps_T, entropy_T if entropy_grad else entropy_T.detach()


def _chunks(total: int, rows: int) -> Iterator[slice]:
    for start in range(0, total, rows):
        yield slice(start, min(start + rows, total))


@dataclass(frozen=True, slots=True, eq=False)
class _Softmax:
    """A block of logits and their softmax, [rows, V], at least float32."""

    logits: Tensor
    p: Tensor
    log_total: Tensor  # logsumexp, [rows]

    @classmethod
    def of(cls, logits: Tensor) -> _Softmax:
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        p = logits.softmax(1)
        return cls(logits, p, log_total(logits, p))

    def logps(self, target: Tensor) -> Tensor:
        return self.logits.gather(1, target[:, None])[:, 0] - self.log_total

    def entropy(self) -> Tensor:
        return self.log_total - (self.p * self.logits).sum(1)

    def logp_slope(self, target: Tensor, factor: Tensor) -> Tensor:
        """∂(Σ factor · log p_y)/∂z."""
        slope = self.p * -factor[:, None]
        return slope.scatter_add_(1, target[:, None], factor[:, None])

    def entropy_slope(self, factor: Tensor) -> Tensor:
        """∂(Σ factor · H)/∂z."""
        offset = self.entropy() - self.log_total
        return (self.logits + offset[:, None]).mul_(self.p).mul_(-factor[:, None])


def _blocks(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, first: int
) -> tuple[Tensor, Iterator[tuple[slice, slice, _Softmax]]]:
    """Return the logits of some rows, and their softmax block by block, each with its place among
    these rows and among all, where these begin at `first`. A block's logits are used up by then:
    what is to be multiplied with the weights may be written over them."""
    logits = torch.nn.functional.linear(hidden, weight, bias)

    def blocks() -> Iterator[tuple[slice, slice, _Softmax]]:
        for here in _chunks(len(logits), max(1, _BLOCK_ELEMENTS // logits.shape[1])):
            there = slice(first + here.start, first + here.stop)
            yield here, there, _Softmax.of(logits[here])

    return logits, blocks()


class _LinearLogProbs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        target: Tensor,
        entropy_grad: bool,
        jacobian: bool,
        rows: int,
    ) -> tuple[Tensor, Tensor]:
        dtype = torch.promote_types(hidden.dtype, torch.float32)
        logps = hidden.new_empty(len(hidden), dtype=dtype)
        entropy = torch.empty_like(logps)
        logp_slope = torch.empty_like(hidden) if jacobian else None
        entropy_slope = torch.empty_like(hidden) if jacobian and entropy_grad else None
        for part in _chunks(len(hidden), rows):
            logits, blocks = _blocks(hidden[part], weight, bias, part.start)
            slopes = torch.empty_like(logits) if entropy_slope is not None else None
            for here, there, softmax in blocks:
                logps[there] = softmax.logps(target[there])
                entropy[there] = softmax.entropy()
                if slopes is not None:
                    slopes[here] = softmax.entropy_slope(torch.ones_like(softmax.log_total))
                if jacobian:
                    logits[here] = softmax.p
            if slopes is not None and entropy_slope is not None:
                entropy_slope[part] = slopes @ weight
            if logp_slope is not None:
                logp_slope[part] = weight[target[part]] - logits @ weight
        ctx.entropy_grad, ctx.jacobian, ctx.rows = entropy_grad, jacobian, rows
        if jacobian:
            ctx.save_for_backward(logp_slope, entropy_slope)
        else:
            ctx.save_for_backward(hidden, weight, bias, target)
        return logps, entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, logp_grad: Tensor, entropy_grad: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.jacobian:
            logp_slope, entropy_slope = ctx.saved_tensors
            hidden_grad = logp_slope * logp_grad[:, None].to(logp_slope.dtype)
            if entropy_slope is not None:
                hidden_grad += entropy_slope * entropy_grad[:, None].to(entropy_slope.dtype)
            return hidden_grad, None, None, None, None, None, None

        hidden, weight, bias, target = ctx.saved_tensors
        hidden_grad = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        wide = torch.promote_types(weight.dtype, torch.float32)  # sums over chunks
        weight_grad = torch.zeros_like(weight, dtype=wide) if ctx.needs_input_grad[1] else None
        bias_grad = torch.zeros_like(bias, dtype=wide) if ctx.needs_input_grad[2] else None
        for part in _chunks(len(hidden), ctx.rows):
            logits, blocks = _blocks(hidden[part], weight, bias, part.start)
            for here, there, softmax in blocks:
                grad = softmax.logp_slope(target[there], logp_grad[there])
                if ctx.entropy_grad:
                    grad += softmax.entropy_slope(entropy_grad[there])
                if bias_grad is not None:
                    bias_grad += grad.sum(0)
                logits[here] = grad
            if hidden_grad is not None:
                hidden_grad[part] = logits @ weight
            if weight_grad is not None:
                weight_grad += logits.T @ hidden[part]
        return (
            hidden_grad,
            None if weight_grad is None else weight_grad.to(weight.dtype),
            None if bias_grad is None else bias_grad.to(weight.dtype),
            None,
            None,
            None,
            None,
        )
