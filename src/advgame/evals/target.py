"""Whom to measure: what `MODEL|RUN` on the command line names, read off names and files alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advgame.config import RunConfig
from advgame.config.judges import Judge as JudgeConfig
from advgame.config.players import HfEngine, PlayerConfig, SamplingConfig
from advgame.errors import ConfigError, ModelError, StoreError
from advgame.judges.named import split_endpoint
from advgame.models.resolve import resolve
from advgame.paths import expanded
from advgame.store.checkpoint import Checkpoint, step_name
from advgame.store.reader import open_readonly
from advgame.store.select import Which, parse_source, resolve_checkpoint, with_step
from advgame.store.taught import CARD, judges_of_card, taught_by
from advgame.types import Role, WeightName, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an exported player's card says of how it is asked: as it learned to be."""

    role: Role
    format: str
    system: str | None
    sampling: SamplingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A model under test, before anything is loaded.

    `run` and `checkpoint` are set for a player of a run; a checkpoint of None is the player as it
    began, and `weights` are "start" where a fork's checkpoint tells how it began. `trained_by`
    holds the judges it learned from; None = not known. `exported` is how an exported player was
    asked in its run.
    """

    name: str
    role: Role = Role.DEFENDER
    endpoint: tuple[str, str] | None = None  # model, base URL
    run: Path | None = None
    config: RunConfig | None = None
    checkpoint: Checkpoint | None = None
    weights: WeightName = "policy"
    format: str = "plain"
    system: str | None = None
    trained_by: tuple[JudgeConfig, ...] | None = None
    exported: Exported | None = None

    @property
    def step(self) -> int:
        """After how many steps of its run it is as it is; 0 for the player as it began."""
        return 0 if self.checkpoint is None or self.weights == "start" else self.checkpoint.step

    def describe(self) -> dict[str, Any]:
        """Who it is, for a report."""
        found: dict[str, Any] = {"model": self.name}
        if self.exported is not None:
            found["exported"] = True
        if self.run is not None:
            found |= {
                "role": self.role.value,
                "step": self.step,
                "weights": self.weights,
            }
        return found


def target_of(
    text: str,
    *,
    role: Role = Role.DEFENDER,
    step: Which = None,
    weights: Weights | None = None,
) -> Target:
    """Read what `text` names.

    Args:
        text: a run folder (`RUN`, `RUN@120`), an exported player, a model folder, a packaged
            asset, a hub name, or `openai:MODEL@BASE_URL`.
        role: which player of a run.
        step: which checkpoint of a run; None = the newest. Step 0 is the player as it began.
        weights: the trained weights or their average; None = those that play.

    Raises:
        ConfigError, StoreError, ModelError: there is no such thing, or two checkpoints are named.
    """
    if text.startswith("openai:"):
        _only_for_runs(text, step, weights)
        return Target(name=text, endpoint=split_endpoint(text))
    if (folder := _run_of(text)) is not None:
        return _player(text, folder, role, with_step(text, step)[1], weights)
    _only_for_runs(text, step, weights)
    resolve(text)
    folder = expanded(text)
    card = _exported(folder / CARD)
    if card is None:
        return Target(name=text)
    return Target(
        name=text,
        role=card.role,
        format=card.format if card.role is Role.DEFENDER else "plain",
        system=card.system,
        trained_by=judges_of_card(folder),
        exported=card,
    )


def _run_of(text: str) -> Path | None:
    if "@" in text and not Path(text).is_dir() and not Path(text.rpartition("@")[0]).is_dir():
        return None
    folder, _ = parse_source(text)
    return folder if (folder / "config.yaml").is_file() else None


def _only_for_runs(text: str, step: Which, weights: str | None) -> None:
    if step is not None or weights is not None:
        raise ConfigError(f"{text} is not a run folder: --step and --weights choose among a run's")


def _player(text: str, folder: Path, role: Role, step: Which, weights: Weights | None) -> Target:
    config = open_readonly(folder).config
    player = player_config(config, role)
    part = config.part(role)
    learned = False
    checkpoint = None
    if step != 0 or (folder / "checkpoints" / step_name(0)).is_dir():
        checkpoint = resolve_checkpoint(folder, step)
        learned = (checkpoint.path / part).is_dir()
    elif saved := open_readonly(folder).checkpoints():  # a fork's tell how it began
        checkpoint = saved[-1]
    forked = checkpoint is not None and (checkpoint.path / part / "start.safetensors").is_file()
    return Target(
        name=text,
        role=role,
        run=folder,
        config=config,
        checkpoint=checkpoint if learned or forked else None,
        weights=(weights or player.learn.sample_from) if learned else "start",
        format=player.format if role is Role.DEFENDER else "plain",
        system=config.player(role).system,
        trained_by=taught_by(folder, role),
    )


def own_attacker(target: Target) -> str | None:
    """The run of a target, whose Attacker it meets unasked; None if that is served elsewhere."""
    if target.run is None or target.config is None:
        return None
    own = isinstance(target.config.weights_of(Role.ATTACKER).engine, HfEngine)
    return str(target.run) if own else None


def player_config(config: RunConfig, role: Role) -> PlayerConfig:
    """A role's player; in self-play there is one, the Defender's.

    Raises:
        ModelError: the player is served elsewhere.
    """
    player = config.weights_of(role)
    if not isinstance(player.engine, HfEngine):
        url = player.engine.base_url
        raise ModelError(f"the {role} is served at {url}: measure openai:{player.model}@{url}")
    return player


def _exported(path: Path) -> Exported | None:
    """What the card of an exported player says; None if there is none."""
    if not path.is_file():
        return None
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        return Exported(
            role=Role(card["role"]),
            format=card["format"],
            system=card["system"],
            sampling=SamplingConfig.model_validate(card["sampling"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged: export the player again") from error
