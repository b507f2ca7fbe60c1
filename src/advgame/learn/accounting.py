"""What an update cost: tokens forwarded, passes made, floating-point operations by shape."""

from __future__ import annotations

from typing import Any

from torch import nn

from advgame.learn.pack import Pack
from advgame.models.flops import Shape, forward_flops, layers_flops, training_flops
from advgame.models.weights import PlayerWeights
from advgame.types import Cost


class Accountant:
    """Counts one update at a time."""

    def __init__(
        self, model: nn.Module, weights: PlayerWeights, *, checkpointing: bool = False
    ) -> None:
        config: Any = model.config
        self._shape = Shape.of(config)
        self._first_layer = weights.first_trained_layer
        self._again = self._shape.layers - self._first_layer if checkpointing else 0
        ranks = [
            tensor.shape[0] for name, tensor in weights.parameters().items() if ".lora_A." in name
        ]
        self._rank = max(ranks, default=None)
        self.reset()

    def reset(self) -> None:
        """Start an update."""
        self.cost = Cost()
        self._passes = 0
        self._forwarded = 0
        self._unpacked = 0

    def trained(self, pack: Pack, *, resumed: bool) -> None:
        """Count a forward and backward pass; `resumed` from another's lower layers."""
        context = pack.layout.attended / pack.tokens
        flops = training_flops(
            self._shape,
            pack.tokens,
            context,
            len(pack.target_T),
            rank=self._rank,
            first_layer=self._first_layer,
        )
        # Checkpointing passes the trained layers forward once more, on the way back.
        flops += layers_flops(self._shape, pack.tokens, context, self._again)
        if resumed:
            flops -= layers_flops(self._shape, pack.tokens, context, self._first_layer)
        self._count(pack, Cost(trained_tokens=pack.tokens, flops=round(flops)))

    def referenced(self, pack: Pack) -> None:
        """Count a forward pass of the reference."""
        context = pack.layout.attended / pack.tokens
        flops = forward_flops(self._shape, pack.tokens, context, len(pack.target_T))
        self._count(pack, Cost(reference_tokens=pack.tokens, flops=round(flops)))

    def counts(self) -> dict[str, float]:
        """Return metrics: passes, tokens forwarded, and the share that packing saved."""
        return {
            "passes": float(self._passes),
            "forwarded_tokens": float(self._forwarded),
            "shared_tokens": 1 - self._forwarded / self._unpacked,
        }

    def _count(self, pack: Pack, cost: Cost) -> None:
        self.cost += cost
        self._passes += 1
        self._forwarded += pack.tokens
        self._unpacked += pack.unpacked_tokens
