"""Configuration → sampler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from advgame.config.players import Engine, HfEngine, OpenAIEngine, PlayerConfig
from advgame.engines.hf import HfSampler
from advgame.engines.openai import OpenAISampler
from advgame.errors import ModelError
from advgame.models.full import FullWeights
from advgame.models.network import Network, load_model, load_network
from advgame.models.weights import PlayerWeights, SetName
from advgame.protocols import Sampler


def build_sampler(player: PlayerConfig, weights: PlayerWeights | None, name: SetName) -> Sampler:
    """The sampler of a player: of set `name` of its weights, or of its endpoint.

    Raises:
        EndpointError: the endpoint is down or does not serve the model.
        ModelError: its moves are longer than the model's context.
    """
    if isinstance(player.engine, HfEngine):
        assert weights is not None  # players in this process have weights
        return hf_sampler(player, weights, name)
    return _endpoint(player.engine, player.model)


def hf_sampler(player: PlayerConfig, weights: PlayerWeights, name: SetName) -> HfSampler:
    """The sampler of a player in this process.

    Raises:
        ModelError: its moves are longer than the model's context.
    """
    assert isinstance(player.engine, HfEngine)  # nothing else has weights
    sampler = HfSampler(weights, player.engine.batch_tokens, name)
    if player.sampling.max_new_tokens >= sampler.positions:
        raise ModelError(
            f"sampling.max_new_tokens={player.sampling.max_new_tokens} leaves no room for a "
            f"prompt in the {sampler.positions} positions of model {player.model!r}: lower it"
        )
    return sampler


def judge_samplers() -> Callable[[Engine, str], Sampler]:
    """A factory of samplers for judges: (engine, model) → sampler. A model is loaded once."""

    @cache
    def network(model: str) -> Network:
        return load_network(model)

    def make(engine: Engine, model: str) -> Sampler:
        if not isinstance(engine, HfEngine):
            return _endpoint(engine, model)
        base = network(model)
        weights = FullWeights(
            base, lambda dtype: load_model(base.name, dtype, base.device), master=False
        )
        return HfSampler(weights, engine.batch_tokens, "policy")

    return make


def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end, also where a loop is running already, as in a scorer of Inspect."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


def _endpoint(engine: OpenAIEngine, model: str) -> OpenAISampler:
    """Made only if it answers: a wrong name or address should stop a run before it starts."""
    sampler = OpenAISampler(engine, model)
    _finish(sampler.preflight())
    return sampler
