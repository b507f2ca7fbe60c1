"""How decoder layers attend: torch's scaled dot product, or whatever a running pass asks for.

`transformers` lets an attention function be registered by name and hands it the keyword arguments
of the model's call. A sampling engine that keeps keys and values in a layout of its own passes
`attend=`; every other call gets plain `sdpa`, so training is not touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from advgame.errors import ModelError

NAME = "advgame"


def refuse_more(module: nn.Module, asked: Mapping[str, Any]) -> None:
    """Refuse a layer that wants more than softmax(s · Q Kᵀ) V, rather than leave it out.

    Raises:
        ModelError: it has attention sinks, or caps its scores.
    """
    for name, what in (("s_aux", "attention sinks"), ("softcap", "capped attention scores")):
        if asked.get(name) is not None:
            raise ModelError(
                f"{type(module).__name__} has {what}, which are not computed here; use a Llama- or "
                "Qwen-like model, or serve this one and name its endpoint"
            )


class Attend(Protocol):
    """Attention of one layer, with the keys and values of earlier positions kept by the callee."""

    def __call__(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, /
    ) -> torch.Tensor:
        """Map `q [B, heads, T, d]`, `k` and `v [B, kv_heads, T, d]` to `[B, T, heads, d]`."""
        ...


def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    attend: Attend | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    refuse_more(module, kwargs)
    if attend is None:
        plain: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
        return plain
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    layer: Any = module.layer_idx
    return attend(layer, query, key, value, scale), None


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
