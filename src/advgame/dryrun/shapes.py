"""Shapes of models, without their weights: shipped facts, or a local folder's config.json."""

from __future__ import annotations

import json
from functools import cache

from advgame.config.players import PlayerConfig
from advgame.config.sources import PRESETS
from advgame.errors import ConfigError
from advgame.models.flops import Shape
from advgame.paths import expanded


@cache
def shipped_shapes() -> dict[str, Shape]:
    """Shapes that ship with the presets, by the model's name."""
    facts = json.loads((PRESETS / "shapes.json").read_text(encoding="utf-8"))
    return {name: Shape.of(config) for name, config in facts.items()}


def shape_of(model: str) -> Shape | None:
    """The shape of a model, from the shipped facts or a local folder; None if neither has it.

    Raises:
        ConfigError: the folder's config.json is not that of a language model.
    """
    if model in shipped_shapes():
        return shipped_shapes()[model]
    file = expanded(model) / "config.json"
    if not file.is_file():
        return None
    try:
        return Shape.of(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"{file}: not the configuration of a decoder language model") from None


def adapter_parameters(shape: Shape, player: PlayerConfig) -> int:
    """Parameters of one LoRA adapter: r · (in + out) for each adapted module of each layer."""
    assert player.adapter is not None
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    h, f = shape.hidden, shape.intermediate
    ends = {
        "q_proj": h + q,
        "k_proj": h + kv,
        "v_proj": h + kv,
        "o_proj": q + h,
        "gate_proj": h + f,
        "up_proj": h + f,
        "down_proj": f + h,
    }
    targets = player.adapter.targets or tuple(ends)
    layers = max(0, shape.layers - player.adapter.first_layer)
    return player.adapter.rank * layers * sum(ends.get(name, 0) for name in targets)
