"""A target's weights in this process: asked as the player was in its run, read by its format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from advgame import __version__, assets
from advgame.config.players import HfEngine
from advgame.derive import digest, file_digest
from advgame.evals.target import Target, player_config
from advgame.paths import expanded
from advgame.prompts import get_format
from advgame.types import Message, Role, SampleRequest, Sampling

if TYPE_CHECKING:  # Inspect lists our tasks and models without a framework
    from advgame.engines.hf import HfSampler
    from advgame.models.weights import PlayerWeights


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model in this process, ready to answer.

    `fingerprint` is a hash of the weights, of how they are asked and of this version: what equals
    it gives the same replies. None where it cannot be known.
    """

    target: Target
    sampler: HfSampler
    weights: PlayerWeights
    fingerprint: str | None

    def request(self, messages: tuple[Message, ...], seed: int, how: Sampling) -> SampleRequest:
        """Ask for one reply to a chat, as the player's format says."""
        form = get_format(Role.DEFENDER, self.target.format)
        asked = form.chat(messages, self.target.system)
        return SampleRequest(messages=asked, seeds=(seed,), sampling=how, prefill=form.prefill)

    def read(self, text: str) -> str:
        """The reply in what the model wrote; empty where its format holds none."""
        parsed = get_format(Role.DEFENDER, self.target.format).parse(text)
        return parsed.text if parsed else ""

    def length(self, request: SampleRequest) -> int:
        """Tokens of a prompt.

        Raises:
            ModelError: the model's chat template refuses the chat.
        """
        from advgame.models.chat import render

        return len(render(self.weights.tokenizer, request.messages, request.prefill))


def load_target(target: Target) -> Loaded:
    """Load the weights of a target in this process.

    Raises:
        ModelError, StoreError, AssetError: they cannot be had.
    """
    from advgame.engines.hf import HfSampler
    from advgame.models.build import build_players
    from advgame.models.full import FullWeights
    from advgame.models.network import load_model, load_network

    own: Any
    if target.config is None:
        network = load_network(target.name)
        own = FullWeights(
            network,
            lambda dtype: load_model(network.name, dtype, network.device),
            master=False,
        )
        batch_tokens = HfEngine().batch_tokens
    else:
        from advgame.learn.checkpoint import load_weights

        player = player_config(target.config, target.role)
        built = build_players(player, player, target.config.seed, shared=True)
        own = built[target.role]
        if target.checkpoint is not None:
            part = target.checkpoint.path / target.config.part(target.role)
            load_weights(part, own, (target.weights,))
        assert isinstance(player.engine, HfEngine)  # `player_config` refuses others
        batch_tokens = player.engine.batch_tokens
    sampler = HfSampler(own, batch_tokens, target.weights)
    return Loaded(
        target=target,
        sampler=sampler,
        weights=own,
        fingerprint=_fingerprint(target, own),
    )


def _fingerprint(target: Target, weights: PlayerWeights) -> str | None:
    model = player_config(target.config, target.role).model if target.config else target.name
    base = _base(model, weights)
    if base is None:
        return None
    parts = [__version__, base, weights.describe(), target.format, target.system or ""]
    if target.checkpoint is not None:
        assert target.config is not None  # a checkpoint is one of a run
        part = target.checkpoint.path / target.config.part(target.role)
        parts.append(file_digest(part / f"{target.weights}.safetensors"))
    return digest(*parts)


def _base(model: str, weights: Any) -> str | None:
    """What identifies the weights a model name stands for; None where nothing does."""
    if assets.is_asset(model):
        return f"{model} {assets.get(model).version}"
    folder = expanded(model)
    if folder.is_dir():
        files = sorted(path for path in folder.iterdir() if path.suffix in _CONTENT)
        return " ".join(f"{path.name}:{file_digest(path)}" for path in files)
    if model == "tiny-random":
        return model
    commit = getattr(weights.network.model.config, "_commit_hash", None)
    return f"{model} {commit}" if commit else None


_CONTENT = {".safetensors", ".json", ".jinja", ".model", ".txt"}
