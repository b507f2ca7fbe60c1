"""Attention over a packed prefix tree: each run sees the path before it and itself, nothing else.

No N × N mask exists. One scaled-dot-product call a run: plain causal where the run opens its
sequence, else a [run, path] mask, made once a micro-batch and used by every layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface

from advgame.errors import ModelError
from advgame.learn.tree import Tree

NAME = "advgame_packed"


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Who attends to whom in a pack of N tokens."""

    query_lengths: list[int]
    """Tokens of each run; they sum to N."""
    key_lengths: list[int]
    """Tokens each run sees, itself included."""
    key_index: Tensor | None
    """Packed places of all runs' keys, one run after another; None where it is 0 … N−1."""
    masks: list[Tensor | None]
    """bool [run, keys], True = visible; None = causal and square."""
    attended: int
    """Pairs (token, visible token): what attention costs."""
    longest: int
    """Tokens of the longest sequence."""


def layout_of(tree: Tree, device: torch.device) -> Layout:
    """Return the attention layout of a tree."""
    queries = [run.stop - run.start for run in tree.runs]
    keys = [len(run.path) for run in tree.runs]
    shared = sum(keys) > tree.tokens
    index = torch.from_numpy(np.concatenate([run.path for run in tree.runs])) if shared else None
    by_shape: dict[tuple[int, int], Tensor] = {}
    for shape in zip(queries, keys, strict=True):
        if shape[0] != shape[1] and shape not in by_shape:
            mask = torch.ones(shape, dtype=torch.bool, device=device)
            by_shape[shape] = mask.tril(shape[1] - shape[0])
    return Layout(
        query_lengths=queries,
        key_lengths=keys,
        key_index=None if index is None else index.to(device),
        masks=[by_shape.get(shape) for shape in zip(queries, keys, strict=True)],
        attended=sum(run.attended for run in tree.runs),
        longest=max(keys),
    )


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
        module: the attention layer (unused).
        query: [1, heads, N, head_dim]
        key: [1, kv_heads, N, head_dim]
        value: as `key`.
        attention_mask: always None: no mask is registered under this function's name.
        packing: passed down by the model as a keyword.
        scaling: factor of the scores.
        dropout: 0: players run in eval mode.
        sliding_window: how far back a token sees.
        unused: keywords of the model that do not concern attention.

    Returns:
        [1, N, heads, head_dim], and no attention weights.

    Raises:
        ModelError: a sequence is longer than the model's sliding window.
    """
    if sliding_window is not None and packing.longest > sliding_window:
        raise ModelError(
            f"a sequence of {packing.longest} tokens exceeds the model's sliding window of "
            f"{sliding_window}; lower max_new_tokens"
        )
    if packing.key_index is not None:
        key = key.index_select(2, packing.key_index)
        value = value.index_select(2, packing.key_index)
    grouped = query.shape[1] != key.shape[1]
    runs = zip(
        torch.split(query, packing.query_lengths, dim=2),
        torch.split(key, packing.key_lengths, dim=2),
        torch.split(value, packing.key_lengths, dim=2),
        packing.masks,
        strict=True,
    )
    outputs = [
        F.scaled_dot_product_attention(
            q, k, v, mask, dropout, is_causal=mask is None, scale=scaling, enable_gqa=grouped
        )
        for q, k, v, mask in runs
    ]
    return torch.cat(outputs, dim=2).transpose(1, 2), None


AttentionInterface.register(NAME, packed_attention)
