"""Configuration → objective."""

from __future__ import annotations

from typing import Any

from advgame.config.players import DPOConfig, GRPOConfig, IPOConfig
from advgame.config.players import Objective as ObjectiveConfig
from advgame.losses.dpo import dpo
from advgame.losses.grpo import GRPOObjective
from advgame.losses.ipo import ipo
from advgame.losses.objective import Objective
from advgame.losses.pairs import PairObjective


def build(config: ObjectiveConfig) -> Objective[Any]:
    """Return the objective `config` describes; it takes the batch that fits its credit."""
    match config:
        case DPOConfig() | IPOConfig():
            return PairObjective(
                loss=dpo if isinstance(config, DPOConfig) else ipo,
                beta=config.beta,
                length_normalised=config.length_normalised,
                nll=config.nll,
                entropy=config.entropy,
                kl=config.kl,
            )
        case GRPOConfig():
            return GRPOObjective(
                beta=config.beta,
                importance_cap=config.importance_cap,
                token_mean=config.token_mean,
                entropy=config.entropy,
            )
