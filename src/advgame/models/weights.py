"""What a player's weights look like to the code that samples from them and trains them.

One network in memory can hold several named weight sets:

    policy   trained by the learner
    ema      exponential moving average of policy: the mirror-descent reference and sampler
    start    what the player began with: the frozen reference
    sampler  what the sampler plays with; changes only when weights are pushed
    past     a snapshot of the opponent pool

With adapters all sets, of both players, share one frozen base; with full fine-tuning each set is
a copy of the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, TypeAlias

import torch
from torch import nn

SetName: TypeAlias = Literal["policy", "ema", "start", "sampler", "past"]


class PlayerWeights(Protocol):
    """The named weight sets of one player."""

    @property
    def tokenizer(self) -> Any:
        """The Hugging Face tokenizer, with a chat template."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        ...

    @property
    def first_trained_layer(self) -> int:
        """Decoder layers below this index are the same in every set (0 for full fine-tuning)."""
        ...

    def describe(self) -> str:
        """Model, dtype, device and what is trained, for the user."""
        ...

    def use(self, name: SetName) -> AbstractContextManager[nn.Module]:
        """Yield the causal LM computing with set `name`, in eval mode, gradients untouched.

        Only one set of a network is in use at a time: the context holds the network's lock.
        """
        ...

    def parameters(self) -> dict[str, nn.Parameter]:
        """The trainable tensors of `policy`, by a name that is stable across processes."""
        ...

    def tensors(self, name: SetName) -> dict[str, torch.Tensor]:
        """The tensors of a set that differ between sets, by the names of `parameters()`."""
        ...

    def load(self, name: SetName, tensors: Mapping[str, torch.Tensor]) -> None:
        """Overwrite set `name` in place.

        Raises:
            ModelError: names or shapes do not match.
        """
        ...

    def copy(self, source: SetName, target: SetName) -> None:
        """Overwrite set `target` with set `source`."""
        ...

    def average(self, decay: float) -> None:
        """ema ← decay · ema + (1 − decay) · policy."""
        ...
