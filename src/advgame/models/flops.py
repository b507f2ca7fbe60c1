"""Floating-point operations, counted from shapes. Imports no torch.

A multiply-add counts as two. Norms, rotations, softmax and sampling are left out: below one per
cent. So are adapters where nothing is learned (sampling, the reference): 2 to 4 per cent of a model
of 135M weights at rank 16, less of a larger one. A forward pass costs, a token,

    2 · N_layer · L  +  4 · heads · head_dim · context · L  +  2 · hidden · vocab

with N_layer the weights a layer multiplies by; the last term, the head, only where logits are
needed. The backward pass costs as much again for the gradient of the activations and as much again
for that of the weights (arXiv 2001.08361, section 2.1): ×3 for full fine-tuning. A frozen base has
no weight gradients, and layers below the first adapter no backward pass at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a decoder's cost depends on."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int  # of one expert, for a mixture
    vocab: int
    experts: int = 1
    experts_per_token: int = 1
    tied: bool = True

    @classmethod
    def of(cls, config: Any) -> Shape:
        """Read the shape from a Hugging Face config object or its dictionary."""
        if not isinstance(config, dict):
            config = config.get_text_config().to_dict()
        heads = config["num_attention_heads"]
        hidden = config["hidden_size"]
        experts = config.get("num_local_experts") or config.get("num_experts") or 1
        width = config.get("intermediate_size") or 4 * hidden
        return cls(
            layers=config["num_hidden_layers"],
            hidden=hidden,
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head_dim=config.get("head_dim") or hidden // heads,
            intermediate=(config.get("moe_intermediate_size") or width) if experts > 1 else width,
            vocab=config["vocab_size"],
            experts=experts,
            experts_per_token=(config.get("num_experts_per_tok") or 1) if experts > 1 else 1,
            tied=bool(config.get("tie_word_embeddings", False)),
        )

    @property
    def attention_weights(self) -> int:
        """Weights of the four projections of one layer."""
        return self.hidden * self.head_dim * 2 * (self.heads + self.kv_heads)

    @property
    def expert_weights(self) -> int:
        """Weights of one gated feed-forward block."""
        return 3 * self.hidden * self.intermediate

    @property
    def parameters(self) -> int:
        """All matrix weights held in memory (norms and biases left out)."""
        layer = self.attention_weights + self.experts * self.expert_weights
        return self.layers * layer + (1 if self.tied else 2) * self.vocab * self.hidden


def layers_flops(shape: Shape, tokens: int, context: float, layers: int | None = None) -> float:
    """Return the cost of `layers` decoder layers (all of them by default), forward.

    `context` is the mean number of positions a token attends to.
    """
    weights = shape.attention_weights + shape.experts_per_token * shape.expert_weights
    attention = 2 * shape.heads * shape.head_dim * context
    return 2.0 * tokens * (weights + attention) * (shape.layers if layers is None else layers)


def head_flops(shape: Shape, positions: int) -> float:
    """Return the cost of the logits at `positions` places, forward."""
    return 2.0 * positions * shape.hidden * shape.vocab


def adapter_flops(shape: Shape, rank: int, tokens: int, layers: int) -> float:
    """Return the cost of LoRA on all linear modules of `layers` layers, forward."""
    q, kv, h, f = (
        shape.heads * shape.head_dim,
        shape.kv_heads * shape.head_dim,
        shape.hidden,
        shape.intermediate,
    )
    ends = (h + q) + 2 * (h + kv) + (q + h) + 3 * (h + f) * shape.experts_per_token
    return 2.0 * tokens * rank * ends * layers


def forward_flops(shape: Shape, tokens: int, context: float, logits: int) -> float:
    """Return the cost of a forward pass with logits at `logits` of its `tokens` places."""
    return layers_flops(shape, tokens, context) + head_flops(shape, logits)


def training_flops(
    shape: Shape,
    tokens: int,
    context: float,
    logits: int,
    *,
    rank: int | None = None,
    first_layer: int = 0,
) -> float:
    """Return the cost of forward and backward; `rank` None is full fine-tuning.

    With adapters the layers below `first_layer` are passed forward only, the ones above forward
    and backward to activations; the adapters themselves are trained in full.
    """
    if rank is None:
        return 3.0 * forward_flops(shape, tokens, context, logits)
    upper = shape.layers - first_layer
    lower = layers_flops(shape, tokens, context, first_layer)
    through = layers_flops(shape, tokens, context, upper) + head_flops(shape, logits)
    return lower + 2.0 * through + 3.0 * adapter_flops(shape, rank, tokens, upper)
