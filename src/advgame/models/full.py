"""A player's weight sets as whole copies of the network: full fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from advgame.models.network import Network
from advgame.models.sets import move_towards, overwrite
from advgame.models.weights import SetName

_MASTER: frozenset[SetName] = frozenset({"policy", "ema"})


class FullWeights:
    """`PlayerWeights` as a module a set, each made when it is first needed.

    A set that was never written is the model the player started from, so it is loaded from there
    again rather than copied ahead of time. A player that learns holds policy and ema, whichever of
    them its recipe uses.

    With `master`, policy and ema are kept in float32 and computed with under autocast in the
    network's dtype: at the learning rates of full fine-tuning an update is smaller than the
    spacing of bfloat16 and would be lost.
    """

    first_trained_layer = 0

    def __init__(
        self, network: Network, origin: Callable[[torch.dtype], nn.Module], *, master: bool = True
    ) -> None:
        """Take over `network` as the policy. `origin(dtype)` loads its start weights again."""
        self.network = network
        self._origin = origin
        self._master = master
        policy = network.model.to(self._dtype("policy")).requires_grad_(True)
        self._sets: dict[SetName, nn.Module] = {"policy": policy}

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the network."""
        return self.network.tokenizer

    @property
    def device(self) -> torch.device:
        """Where every set lives."""
        return self.network.device

    def describe(self) -> str:
        """Model, dtype, device."""
        return f"{self.network.describe()}, all weights"

    @contextmanager
    def use(self, name: SetName) -> Iterator[nn.Module]:
        """Yield the module of set `name`, under autocast where its dtype is not the network's."""
        with self.network.lock:
            mixed = self._dtype(name) != self.network.dtype
            with torch.autocast(self.device.type, self.network.dtype) if mixed else nullcontext():
                yield self._module(name)

    def parameters(self) -> dict[str, nn.Parameter]:
        """Every parameter of `policy`; tied ones once."""
        return dict(self._module("policy").named_parameters())

    def tensors(self, name: SetName) -> dict[str, torch.Tensor]:
        """Every parameter of a set, detached; they share its memory."""
        return {key: tensor.detach() for key, tensor in self._module(name).named_parameters()}

    def load(self, name: SetName, tensors: Mapping[str, torch.Tensor]) -> None:
        """Overwrite set `name` in place."""
        with self.network.lock:
            overwrite(self.tensors(name), tensors)

    def copy(self, source: SetName, target: SetName) -> None:
        """Overwrite set `target` with set `source`."""
        self.load(target, self.tensors(source))

    def average(self, decay: float) -> None:
        """ema ← decay · ema + (1 − decay) · policy."""
        with self.network.lock:
            move_towards(self.tensors("ema"), self.tensors("policy"), decay)

    def _dtype(self, name: SetName) -> torch.dtype:
        return torch.float32 if self._master and name in _MASTER else self.network.dtype

    def _module(self, name: SetName) -> nn.Module:
        with self.network.lock:
            if name not in self._sets:
                # Masters too begin as the numbers that are computed with: all sets are equal.
                self._sets[name] = self._origin(self.network.dtype).to(self._dtype(name))
            return self._sets[name]
