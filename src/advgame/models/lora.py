"""A LoRA linear layer as one autograd node: y = x Wᵀ + b + s · (x Aᵀ) Bᵀ.

peft writes the same sum as separate products, a scaling and an addition, each a pass over an
activation of the layer's width, and again in the backward pass. Here the low-rank parts are added
into the large product in place. A and B are float32; they are used in the dtype of x. Sampler and
learner both compute adapters this way, so their log-probs differ by no more than the order of sums.
Where no gradient is wanted (sampling, the reference), A and B are cast once for the whole context
instead of once a call: decoding calls every layer once a token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def fused_forwards(model: nn.Module) -> dict[nn.Module, Callable[..., Any]]:
    """Return a faster `forward` for every plain LoRA layer with one adapter switched on.

    Made without gradients, they hold the adapter as it is now.
    """
    make = _trained if torch.is_grad_enabled() else _held
    return {
        module: make(module)
        for module in model.modules()
        if type(module) is LoraLinear and _plain(module)
    }


@contextmanager
def patched(forwards: Mapping[nn.Module, Callable[..., Any]]) -> Iterator[None]:
    """Replace `forward` of some modules inside the context."""
    before = {module: vars(module).get("forward") for module in forwards}
    for module, forward in forwards.items():
        module.forward = forward
    try:
        yield
    finally:
        for module, own in before.items():
            if own is None:
                del module.forward
            else:
                module.forward = own


def _plain(layer: Any) -> bool:
    """Whether the layer computes the formula above and nothing else."""
    active = layer.active_adapters
    return (
        len(active) == 1
        and active[0] in layer.lora_A
        and type(layer.base_layer) is nn.Linear
        and type(layer.lora_dropout[active[0]]) is nn.Identity
        and not (layer.merged or layer.disable_adapters or layer.lora_variant)
        and not layer.lora_bias[active[0]]
    )


def _trained(layer: Any) -> Callable[[Tensor], Tensor]:
    name, base = layer.active_adapters[0], layer.base_layer
    a, b, scale = layer.lora_A[name].weight, layer.lora_B[name].weight, layer.scaling[name]
    apply: Any = _LoraLinear.apply

    def forward(x: Tensor) -> Tensor:
        rows = x.flatten(0, -2)
        y: Tensor = apply(rows, base.weight, base.bias, a.to(x.dtype), b.to(x.dtype), scale)
        return y.view(*x.shape[:-1], -1)

    return forward


def _held(layer: Any) -> Callable[[Tensor], Tensor]:
    name, base, dtype = layer.active_adapters[0], layer.base_layer, layer.base_layer.weight.dtype
    a, b = (part[name].weight.to(dtype) for part in (layer.lora_A, layer.lora_B))
    scale = layer.scaling[name]

    def forward(x: Tensor) -> Tensor:
        return _fused(x.flatten(0, -2), base.weight, base.bias, a, b, scale)[0].view(
            *x.shape[:-1], -1
        )

    return forward


def _fused(
    x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """Return y and x Aᵀ."""
    low = x @ a.T
    return F.linear(x, weight, bias).addmm_(low, b.T, alpha=scale), low


class _LoraLinear(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
    ) -> Tensor:
        y, low = _fused(x, weight, bias, a, b, scale)
        ctx.save_for_backward(x, weight, a, b, low)
        ctx.scale = scale
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, y_grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, a, b, low = ctx.saved_tensors
        low_grad = (y_grad @ b).mul_(ctx.scale)
        x_grad = (y_grad @ weight).addmm_(low_grad, a) if ctx.needs_input_grad[0] else None
        a_grad = low_grad.T @ x if ctx.needs_input_grad[3] else None
        b_grad = (y_grad.T @ low).mul_(ctx.scale) if ctx.needs_input_grad[4] else None
        return x_grad, None, None, a_grad, b_grad, None
