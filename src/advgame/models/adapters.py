"""A player's weight sets as LoRA adapters on a frozen base (arXiv 2106.09685), by way of `peft`.

Each set of each player is one adapter, named `player-set`, injected into the same base network:
six logical models cost about one. Adapter weights are float32 whatever the base is; B starts at
zero, so every set begins as the base itself, and A is drawn from the player's own seed, so it does
not depend on what else was drawn before.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from peft import LoraConfig, LoraModel
from peft.tuners.lora import LoraLayer
from torch import nn

from advgame.config.players import AdapterConfig
from advgame.errors import ModelError
from advgame.models.network import Network
from advgame.models.sets import move_towards, overwrite
from advgame.models.weights import SetName

_EAGER: tuple[SetName, ...] = ("policy", "ema", "start", "sampler")
_TRAINED = "-policy."  # only tensors of policy adapters ever require a gradient
_PREFIX = "base_model.model."  # how peft names tensors in an adapter's file


class AdapterWeights:
    """`PlayerWeights` in adapters. Several players may share one `network`.

    Names of tensors are those of peft's `adapter_model.safetensors`, so a saved set is already an
    adapter that peft and vLLM load (with `lora_config`).
    """

    def __init__(self, network: Network, player: str, config: AdapterConfig, seed: int) -> None:
        """Inject the adapters of `player`.

        Raises:
            ModelError: no module has a name in `config.targets`, or `config.first_layer` leaves
                no layer to train.
        """
        self.network = network
        self.lora_config = lora_config(network, config)
        self.first_trained_layer = config.first_layer
        self._player = player
        self._sets: dict[SetName, dict[str, nn.Parameter]] = {}
        self._inject("policy")
        _initialise(self._sets["policy"], seed)
        for name in _EAGER[1:]:
            self._ensure(name)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the base."""
        return self.network.tokenizer

    @property
    def device(self) -> torch.device:
        """Where the base lives."""
        return self.network.device

    def describe(self) -> str:
        """Model, dtype, device and the adapter."""
        return f"{self.network.describe()}, LoRA rank {self.lora_config.r}"

    @contextmanager
    def use(self, name: SetName) -> Iterator[nn.Module]:
        """Yield the base with this player's set `name` switched on, and no other."""
        with self.network.lock:
            self._ensure(name)
            layers = _lora_layers(self.network.model)
            before = [layer._active_adapter for layer in layers]
            # `set_adapter` would also walk and re-mark every parameter of every adapter; whether
            # a tensor requires a gradient never changes here, so only the name is switched.
            for layer in layers:
                layer._active_adapter = [self._key(name)]
            try:
                yield self.network.model
            finally:
                for layer, active in zip(layers, before, strict=True):
                    layer._active_adapter = active

    def parameters(self) -> dict[str, nn.Parameter]:
        """A and B of `policy`: float32, `[rank, in]` and `[out, rank]`."""
        return dict(self._sets["policy"])

    def tensors(self, name: SetName) -> dict[str, torch.Tensor]:
        """A and B of a set, detached; they share its memory."""
        self._ensure(name)
        return {key: tensor.detach() for key, tensor in self._sets[name].items()}

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

    def _key(self, name: SetName) -> str:
        return f"{self._player}-{name}"

    def _ensure(self, name: SetName) -> None:
        """Make set `name` exist; a new one begins as the policy is."""
        if name not in self._sets:
            with self.network.lock:
                self._inject(name)
                overwrite(self.tensors(name), self.tensors("policy"))

    def _inject(self, name: SetName) -> None:
        model, key = self.network.model, self._key(name)
        try:
            with warnings.catch_warnings():
                # Several adapters on one model are what is wanted here.
                warnings.filterwarnings("ignore", message="Already found a `peft_config`")
                LoraModel(model, {key: self.lora_config}, key)
        except ValueError as error:
            raise ModelError(
                f"model {self.network.name!r}: no module is named "
                f"{' or '.join(sorted(self.lora_config.target_modules))}; check adapter.targets"
            ) from error
        found = {}
        for path, parameter in model.named_parameters():
            if f".{key}." in path:
                parameter.data = parameter.data.float()
                found[_PREFIX + path.replace(f".{key}.", ".")] = parameter
            parameter.requires_grad_(_TRAINED in path)
        self._sets[name] = dict(sorted(found.items()))


def lora_config(network: Network, config: AdapterConfig) -> LoraConfig:
    """Which modules get an adapter: linear ones inside decoder layers from `first_layer` on.

    Raises:
        ModelError: there are none, or not the ones that `config` names.
    """
    depth = int(network.model.config.get_text_config().num_hidden_layers)  # type: ignore[union-attr,operator]
    if config.first_layer >= depth:
        raise ModelError(
            f"adapter.first_layer={config.first_layer}: model {network.name!r} has {depth} layers; "
            f"use at most {depth - 1}"
        )
    decoder = network.model.get_decoder()  # type: ignore[operator]
    inside = next(path for path, each in network.model.named_modules() if each is decoder)
    layers = f"{inside}.layers." if inside else "layers."
    linear = [
        path.removesuffix(".base_layer")
        for path, module in network.model.named_modules()
        if isinstance(module, nn.Linear) and ".layers." in f".{path}" and "lora_" not in path
    ]
    targets = config.targets or sorted(
        {path.rpartition(".")[2] for path in linear if path.startswith(layers)}
    )
    others = any(
        path.rpartition(".")[2] in targets for path in linear if not path.startswith(layers)
    )
    if not targets:
        raise ModelError(
            f"model {network.name!r}: no linear modules in its decoder layers to adapt; "
            "use adapter=null (full fine-tuning)"
        )
    return LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=0.0,
        target_modules=list(targets),
        layers_to_transform=list(range(config.first_layer, depth)),
        # A vision tower has layers of the same names, and no prompt of ours passes through it.
        exclude_modules=f"(?!{re.escape(layers)}).*" if others else None,
        task_type="CAUSAL_LM",
    )


def _initialise(tensors: Mapping[str, torch.Tensor], seed: int) -> None:
    """A ~ U(−1/√in, 1/√in), B = 0: the customary start, from this player's own seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in tensors.items():
            if ".lora_A." in name:
                bound = tensor.shape[1] ** -0.5
                tensor.copy_(torch.empty(tensor.shape).uniform_(-bound, bound, generator=generator))
            else:
                tensor.zero_()


def _lora_layers(model: nn.Module) -> list[LoraLayer]:
    return [module for module in model.modules() if isinstance(module, LoraLayer)]
