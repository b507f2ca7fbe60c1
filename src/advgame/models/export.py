"""A trained player as a Hugging Face folder: merged weights, or an adapter on its base."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Literal

from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import GenerationConfig

from advgame import __version__
from advgame.config import RunConfig
from advgame.config.players import PlayerConfig, SamplingConfig
from advgame.errors import ModelError, StoreError
from advgame.models.adapters import lora_config
from advgame.models.chat import stop_ids
from advgame.models.network import Network, load_network, load_tokenizer
from advgame.models.quiet import quiet
from advgame.models.resolve import resolve
from advgame.store.atomic import staged_folder
from advgame.store.reader import open_readonly
from advgame.store.select import Which, resolve_checkpoint
from advgame.store.taught import CARD, KEY, taught_by, told
from advgame.types import Role, Weights

Form = Literal["merged", "adapter"]

_CARD = """---
library_name: transformers
tags: [advgame, {role}]
---
# {role} of the run `{run}`, step {step} ({weights} weights)

Trained by advgame {version} from `{model}` in a game between an Attacker that rewrites requests and
a Defender that answers them.

**Intended use.** {use}

**Limits.** It was trained and judged on the seeds and by the judges named in `config.yaml` of its
run; what it does elsewhere has to be measured there. The licence of the base model applies.
"""

_USE = {
    Role.DEFENDER: "Research on safe assistants. It is hardened, not safe: test it in its place.",
    Role.ATTACKER: (
        "Red-teaming of models that you own or are authorised to test. It writes prompts meant to "
        "make an assistant fail; do not deploy it to end users."
    ),
}


def export(
    run: Path,
    out: Path,
    *,
    role: Role,
    weights: Weights | None = None,
    step: Which = None,
    form: Form = "merged",
) -> Path:
    """Write a player of `run` to the new folder `out`, complete or not at all.

    Args:
        run: a run folder.
        out: must not exist.
        role: which player.
        weights: the trained weights or their average; None = those that play in the run.
        step: which checkpoint; None = the newest.
        form: merged weights, which everything loads; or the adapter alone, with the name of its
            base, for peft and vLLM. A fully fine-tuned player has none.

    Returns:
        `out`. Besides the model it holds the tokenizer, a model card and `advgame.json`, which
        says how the player is asked (format, system prompt, sampling) and which judges taught it.

    Raises:
        StoreError: `out` exists; the run has no such checkpoint; the disk refuses.
        ModelError: the player is remote, has no adapter, or its base cannot be loaded.
    """
    if out.exists():
        raise StoreError(f"{out} exists: name a new folder to export to")
    config = open_readonly(run).config
    player = _player(config, role)
    if form == "adapter" and player.adapter is None:
        raise ModelError(f"the {role} was fully fine-tuned and has no adapter: export it merged")
    weights = weights or player.learn.sample_from
    checkpoint = resolve_checkpoint(run, step)
    part = checkpoint.path / config.part(role)
    if not (part / f"{weights}.safetensors").is_file():
        raise StoreError(f"{checkpoint.path} has no {role}: it never learned in this run")
    with staged_folder(out) as folder, quiet():
        if player.adapter is None:
            _write_full(player, part / f"{weights}.safetensors", folder)
        elif form == "adapter":
            _write_adapter(player, part / f"{weights}.safetensors", folder)
        else:
            _write_merged(player, part / f"{weights}.safetensors", folder)
        tokenizer = load_tokenizer(player.model)
        tokenizer.save_pretrained(folder)
        # In self-play the weights are the Defender's, and each role is asked in its own way.
        asked = config.player(role)
        if not (folder / "adapter_config.json").exists():
            _draw_as_here(folder, tokenizer, asked.sampling)
        card = {
            "role": role.value,
            "format": asked.format,
            "system": asked.system,
            "sampling": asked.sampling.model_dump(mode="json"),
            KEY: told(taught_by(run, role)),
        }
        (folder / CARD).write_text(json.dumps(card, indent=2) + "\n")
        (folder / "README.md").write_text(
            _CARD.format(
                role=role.value,
                run=config.name,
                step=checkpoint.step,
                weights=weights,
                version=__version__,
                model=player.model,
                use=_USE[role],
            )
        )
    return out


def _player(config: RunConfig, role: Role) -> PlayerConfig:
    player = config.weights_of(role)
    if player.engine.type != "hf":
        raise ModelError(f"the {role} is served at {player.engine.base_url}: nothing to export")
    return player


def _write_full(player: PlayerConfig, weights: Path, folder: Path) -> None:
    model: Any = load_network(player.model, player.dtype, "cpu").model
    _, unexpected = model.load_state_dict(load_file(weights), strict=False)  # tied weights: once
    if unexpected:
        raise ModelError(f"{weights} does not fit {player.model!r}: {unexpected[0]!r} is unknown")
    model.save_pretrained(folder)


def _draw_as_here(folder: Path, tokenizer: Any, how: SamplingConfig) -> None:
    """Let a folder of merged weights say how its player drew, and where it ended.

    The base's settings came along: a repetition penalty there is not what was trained.
    """
    base = GenerationConfig.from_pretrained(folder)
    drawn = {"temperature": how.temperature, "top_p": how.top_p, "top_k": 0}
    GenerationConfig(
        bos_token_id=base.bos_token_id,
        eos_token_id=sorted(stop_ids(tokenizer, base)),
        pad_token_id=base.pad_token_id,
        do_sample=how.temperature > 0,
        **(drawn if how.temperature > 0 else {}),
    ).save_pretrained(folder)


def _write_adapter(player: PlayerConfig, weights: Path, folder: Path) -> Network:
    """Write the adapter and return its base."""
    assert player.adapter is not None  # the caller chose this form for a player with an adapter
    network = load_network(player.model, player.dtype, "cpu")
    settings = lora_config(network, player.adapter)
    base = resolve(player.model)
    settings.base_model_name_or_path = str(base.absolute() if isinstance(base, Path) else base)
    settings.inference_mode = True
    settings.save_pretrained(str(folder))
    save_file(load_file(weights), folder / "adapter_model.safetensors", metadata={"format": "pt"})
    return network


def _write_merged(player: PlayerConfig, weights: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        network = _write_adapter(player, weights, Path(scratch))
        merged: Any = PeftModel.from_pretrained(network.model, scratch).merge_and_unload()
    merged.save_pretrained(folder)
