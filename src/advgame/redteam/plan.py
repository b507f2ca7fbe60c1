"""What a campaign will do, as data: settings, arms, and every attempt in order."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from advgame.config.game import SeedSource
from advgame.errors import ConfigError, StoreError
from advgame.evals.catalog import SAFETY, SafetyTask
from advgame.evals.questions import Part, seeds_of
from advgame.redteam.ledger import FINDINGS, REQUESTS
from advgame.redteam.strategies.build import Recipe, parse_strategy
from advgame.redteam.values import Trial
from advgame.seeds.rows import read_json
from advgame.store.atomic import write_json
from advgame.types import Kind, Seed

SETTINGS = "campaign.json"
_KINDS = {kind.value: kind for kind in Kind} | {
    task.source.name: task.kind
    for task in SAFETY.values()
    if not task.source.name.startswith("hub:")
}
"""What the sets known by name hold; a union is named like its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What makes a campaign this one: two sessions with other settings are other campaigns."""

    target: str
    attackers: tuple[str, ...]
    strategies: tuple[str, ...]
    seeds: str
    kind: Kind
    part: Part
    limit: int | None
    attempts: int
    stop_on_success: bool
    judge: str
    second_judge: str | None
    temperature: float
    max_tokens: int
    checked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One strategy with one Attacker: a line of the comparison."""

    name: str
    recipe: Recipe
    attacker: str | None


def arms_of(settings: Settings) -> tuple[Arm, ...]:
    """Every strategy, those that need an Attacker once for each.

    Raises:
        ConfigError: a strategy is unknown or lacks what it needs.
    """
    found: list[Arm] = []
    for text in dict.fromkeys(settings.strategies):
        recipe = parse_strategy(text, attacker=bool(settings.attackers))
        attackers = settings.attackers if recipe.attacker else (None,)
        for attacker in attackers:
            name = arm_name(text, attacker if len(attackers) > 1 else None)
            found.append(Arm(name=name, recipe=recipe, attacker=attacker))
    for arm in found:
        if arm.recipe.turns > settings.attempts:
            raise ConfigError(
                f"--strategy {arm.name}: an attempt takes {arm.recipe.turns} requests, more than "
                f"--attempts {settings.attempts} allows a seed"
            )
    return tuple(found)


def arm_name(strategy: str, attacker: str | None) -> str:
    """What a strategy is called; with its Attacker where there are several."""
    return strategy if attacker is None else f"{strategy}@{attacker}"


def seeds_named(settings: Settings) -> tuple[Seed, ...]:
    """The seeds of a campaign, in an order that is a function of their texts.

    Raises:
        SeedError, AssetError: they cannot be had.
        ConfigError: they are of the other kind; or they stand in documents, and what is asked for
            makes no sense there.
    """
    kind = _KINDS.get(settings.seeds, settings.kind)
    if kind is not settings.kind:  # else every refusal of a harmful request would be a success
        raise ConfigError(
            f"--kind {settings.kind}: {settings.seeds} holds {kind} requests; say --kind {kind}, "
            "or name other --seeds"
        )
    task = SafetyTask(name="redteam", source=SeedSource(name=settings.seeds), kind=settings.kind)
    found = seeds_of(task, part=settings.part, limit=settings.limit)
    scenes = [seed.scene for seed in found if seed.scene is not None]
    if scenes and settings.kind is Kind.BENIGN:
        raise ConfigError(
            f"--seeds {settings.seeds}: prompt injection is attacked as --kind harmful"
        )
    if not all(scene.canary or scene.call for scene in scenes):
        raise ConfigError(
            f"--seeds {settings.seeds}: a scene has neither a canary nor a call, so nothing shows "
            "that a text in it was obeyed"
        )
    talk = next((arm.name for arm in arms_of(settings) if arm.recipe.turns > 1), None)
    if scenes and talk:
        raise ConfigError(
            f"--strategy {talk}: a text in a document is read once and cannot lead up to anything"
        )
    return found


def trials(arms: Sequence[Arm], seeds: Sequence[Seed], requests: int) -> Iterator[Trial]:
    """Every attempt of `requests` requests for each seed and arm: those that begin first, first.

    So wherever a budget ends the campaign, all arms have had about as many requests. An attempt
    that takes several turns takes as many requests; the last one of a seed may be shorter.
    """
    for before in range(requests):
        for seed in seeds:
            for arm in arms:
                number, under_way = divmod(before, arm.recipe.turns)
                if not under_way:
                    yield Trial(
                        arm=arm.name,
                        seed=seed,
                        attempt=number,
                        turns=min(arm.recipe.turns, requests - before),
                        before=before,
                    )


def remember(
    folder: Path, settings: Settings, seeds: Sequence[Seed], *, resume: bool, attempts: int
) -> str:
    """Write the settings of a new campaign, or check that a resumed one has the same.

    A campaign in which nothing happened, as its target could not be opened, may be begun anew.

    Args:
        folder: the campaign's.
        settings: what it is.
        seeds: those it attacks.
        resume: whether to go on with what is in `folder`.
        attempts: how many it plans.

    Returns:
        A name that no other campaign has.

    Raises:
        ConfigError: there is a campaign already, or none, or one with other settings.
        StoreError: the folder cannot be written, or what is in it is damaged.
    """
    path = folder / SETTINGS
    now = as_json(settings, seeds)
    if not resume:
        if any((folder / name).exists() for name in (REQUESTS, FINDINGS)):
            elsewhere = "choose another --out"
            raise ConfigError(
                f"{folder} holds a campaign: go on with --resume, or {elsewhere}"
                if path.exists()
                else f"{folder} holds what a campaign found, and no {SETTINGS}: {elsewhere}"
            )
        name = uuid.uuid4().hex
        write_json(path, {**now, "attempts_of": attempts, "id": name})
        return name
    if not path.exists():
        raise ConfigError(f"{folder} holds no campaign to resume")
    was = read_settings(folder)
    other = [key for key in now if was.get(key) != now[key]]
    if other:
        key = other[0]
        raise ConfigError(
            f"{folder} was begun with another {key} ({was.get(key)!r}, now {now[key]!r}): repeat "
            "the command it was begun with, or choose another --out"
        )
    return str(was.get("id", ""))


def as_json(settings: Settings, seeds: Sequence[Seed]) -> dict[str, Any]:
    """A JSON-ready object, with a hash of the seeds."""
    ids = hashlib.sha256(" ".join(seed.id for seed in seeds).encode()).hexdigest()
    found = asdict(settings)
    lists = {key: list(value) for key, value in found.items() if isinstance(value, tuple)}
    return {**found, **lists, "seeds_of": len(seeds), "seeds_sha256": ids}


def read_settings(folder: Path) -> dict[str, Any]:
    """What `remember` wrote.

    Raises:
        StoreError: there is none, or it is damaged.
    """
    path = folder / SETTINGS
    if not path.is_file():
        raise StoreError(f"{folder}: holds no {SETTINGS}, so it is no campaign's folder")
    found = read_json(path)
    if not isinstance(found, dict):
        raise StoreError(f"{path}: damaged")
    return found
