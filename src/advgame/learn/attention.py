"""Attention over a packed prefix tree, by the stacks of its layout: out = softmax(s · Q Kᵀ) V.

torch's own kernel for CPUs takes several times as long for runs this short, above all backwards.
Queries that share a key-value head are rows of one product, so keys are not repeated. Scores are
computed again in the backward pass: nothing of their size is kept between the two.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from transformers import AttentionInterface

from advgame.errors import ModelError
from advgame.learn.layout import Layout, Rows, Stack
from advgame.models.attention import refuse_more

NAME = "advgame_packed"


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    packing: Layout,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **unused: Any,
) -> tuple[Tensor, None]:
    """Compute attention over a pack; an attention function of transformers' `AttentionInterface`.

    Args:
        module: the attention layer.
        query: [1, heads, N, head_dim]
        key: [1, kv_heads, N, head_dim]
        value: as `key`.
        attention_mask: always None: no mask is registered under this function's name.
        packing: passed down by the model as a keyword.
        scaling: factor of the scores.
        dropout: 0: players run in eval mode.
        sliding_window: how far back a token sees.
        unused: other keywords of the model.

    Returns:
        [1, N, heads, head_dim], and no attention weights.

    Raises:
        ModelError: a sequence is longer than the model's sliding window, or the model has sinks or
            capped scores.
    """
    refuse_more(module, unused)
    if sliding_window is not None and packing.longest > sliding_window:
        raise ModelError(
            f"a sequence of {packing.longest} tokens exceeds the model's sliding window of "
            f"{sliding_window}; lower max_new_tokens"
        )
    width = query.shape[-1]
    scale = width**-0.5 if scaling is None else scaling
    apply: Any = _Attention.apply
    # Models lay these out token by token, so that no copy is made here.
    rows = [states[0].transpose(0, 1).reshape(-1, width) for states in (query, key, value)]
    out: Tensor = apply(*rows, packing, query.shape[1], key.shape[1], scale)
    return out.view(1, -1, query.shape[1], width), None


class _Attention(Function):
    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        packing: Layout,
        heads: int,
        kv_heads: int,
        scale: float,
    ) -> Tensor:
        ctx.save_for_backward(q, k, v)
        ctx.packing, ctx.heads, ctx.kv_heads, ctx.scale = packing, heads, kv_heads, scale
        stacks, place = packing.rows(heads, kv_heads)
        out = []
        for stack, rows in zip(packing.stacks, stacks, strict=True):
            stacked = _stacked(stack, rows, q, k, v)
            weights = _weights(*stacked[:2], stack.bias, scale).to(v.dtype)
            out.append(torch.bmm(weights, stacked[2]).flatten(0, 1))
        return torch.cat(out).index_select(0, place)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, out_grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v = ctx.saved_tensors
        packing, scale, dtype = ctx.packing, ctx.scale, q.dtype
        stacks, place = packing.rows(ctx.heads, ctx.kv_heads)
        wide = torch.promote_types(dtype, torch.float32)  # a prompt's keys sum over its replies
        width, kv_width = q.shape[1], ctx.kv_heads * q.shape[1]
        k_grad = torch.zeros(len(k) // ctx.kv_heads, kv_width, dtype=wide, device=k.device)
        v_grad = torch.zeros_like(k_grad)
        q_grads = []
        for stack, rows in zip(packing.stacks, stacks, strict=True):
            queries, keys, values = _stacked(stack, rows, q, k, v)
            weights = _weights(queries, keys, stack.bias, scale)
            grad = out_grad.index_select(0, rows.queries)
            if stack.padding is not None:
                shape = len(stack.queries), -1, stack.queries.shape[1], width
                grad.view(shape).masked_fill_(stack.padding[:, None, :, None], 0)
            grad = grad.view(queries.shape)
            slope = torch.bmm(grad, values.transpose(1, 2)).to(wide)
            slope = torch._softmax_backward_data(slope, weights, -1, wide).mul_(scale).to(dtype)
            q_grads.append(torch.bmm(slope, keys).flatten(0, 1))
            for total, each in (
                (k_grad, torch.bmm(slope.transpose(1, 2), queries)),
                (v_grad, torch.bmm(weights.to(dtype).transpose(1, 2), grad)),
            ):
                each = each.view(len(stack.keys), ctx.kv_heads, -1, width).transpose(1, 2)
                total.index_add_(0, stack.keys.flatten(), each.reshape(-1, kv_width).to(wide))
        return (
            torch.cat(q_grads).index_select(0, place),
            k_grad.view(-1, width).to(dtype),
            v_grad.view(-1, width).to(dtype),
            None,
            None,
            None,
            None,
        )


def _stacked(
    stack: Stack, rows: Rows, q: Tensor, k: Tensor, v: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries [B · kv_heads, share · Q, d], keys and values [B · kv_heads, K, d]."""
    length, width = stack.keys.shape[1], q.shape[1]
    keys = k.index_select(0, rows.keys).view(-1, length, width)
    values = v.index_select(0, rows.keys).view(-1, length, width)
    return q.index_select(0, rows.queries).view(len(keys), -1, width), keys, values


def _weights(queries: Tensor, keys: Tensor, bias: Tensor, scale: float) -> Tensor:
    """Return the softmax of the scores, at least float32, [B · kv_heads, share · Q, K]."""
    scores = torch.bmm(queries, keys.transpose(1, 2))
    count, _, long, keys_each = bias.shape
    scores = torch.add(bias, scores.view(count, -1, long, keys_each), alpha=scale)
    return scores.softmax(-1).view(len(queries), -1, keys_each)


AttentionInterface.register(NAME, packed_attention)
