"""What the objective regularises to: log r of every completion token, without gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from advgame.config.players import LearnConfig
from advgame.learn.forward import packed, token_logps
from advgame.learn.pack import Pack, pack, recorded_logps
from advgame.models.weights import PlayerWeights, SetName


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """log r of a pack's tokens, and what it took."""

    logps_T: Tensor
    passed: Pack | None
    """What was forwarded for it, if anything."""
    captured: Any
    """States below the first trained layer of the whole pack, for the policy to start from."""


@torch.no_grad()
def reference_logps(weights: PlayerWeights, packed_batch: Pack, config: LearnConfig) -> Reference:
    """Return log r under the set `config.reference` names.

    `recorded` takes the sampler's own log-probs. They do not hold for a guided completion (they
    were drawn in a context that training leaves out), nor exist for every engine: for those
    completions a pass is made with the weights that play, `config.sample_from`.
    """
    if config.reference != "recorded":
        name: SetName = "ema" if config.reference == "ema" else "start"
        return _forwarded(weights, packed_batch, name)

    completions = packed_batch.completions
    logps_T = recorded_logps(completions, weights.device)
    usable = [one.logprobs is not None and not one.guided for one in completions]
    if all(usable):
        return Reference(logps_T, None, None)
    rest = pack(
        [one for one, ok in zip(completions, usable, strict=True) if not ok], weights.device
    )
    missing_T = torch.tensor(
        [not ok for one, ok in zip(completions, usable, strict=True) for _ in one.token_ids],
        device=weights.device,
    )
    passed = _forwarded(weights, rest, config.sample_from)
    logps_T[missing_T] = passed.logps_T
    captured = passed.captured if not any(usable) else None  # states of a part fit no other pass
    return Reference(logps_T, rest, captured)


def _forwarded(weights: PlayerWeights, whole: Pack, name: SetName) -> Reference:
    with weights.use(name) as model, packed(model):
        out = token_logps(model, whole, capture=weights.first_trained_layer)
    return Reference(out.logps_T, whole, out.captured)
