"""The questions of a safety task: requests in a fixed order, plain or wrapped in an attack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeAlias

from advgame.config.game import SeedsConfig
from advgame.derive import derive
from advgame.evals.catalog import SafetyTask
from advgame.seeds.load import load
from advgame.seeds.templates import load_templates
from advgame.types import Kind, Seed

Part: TypeAlias = Literal["test", "validation", "all"]
"""test: the seeds that no run of these sets trains or is chosen on; validation: those to choose on;
all: the whole set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the model is asked, and the request `seed` that the answer is judged against.

    `fault` says why an attack came to nothing; such a question is not asked and has failed.
    Where there is a `canary`, the attack has worked if the reply holds it, and nobody judges.
    """

    seed: Seed
    prompt: str
    attempt: int = 0
    fault: str | None = None
    system: str | None = None
    canary: str | None = None

    @property
    def id(self) -> str:
        """Unique within its task, and the same for the same text."""
        return f"{self.seed.id}-{self.attempt}"


def seeds_of(task: SafetyTask, *, part: Part, limit: int | None) -> tuple[Seed, ...]:
    """The first `limit` seeds of a task, in an order that is a function of the texts alone.

    Raises:
        SeedError: the set cannot be read, or `part` of it is empty.
        AssetError: a packaged set cannot be had.
    """
    config = SeedsConfig(
        harmful=(task.source,) if task.kind is Kind.HARMFUL else (),
        benign=(task.source,) if task.kind is Kind.BENIGN else (),
    )
    found = load(config, None if part == "all" else part).of(task.kind)
    return tuple(islice(sorted(found, key=lambda seed: seed.id), limit))


def plain(seeds: Iterable[Seed]) -> tuple[Question, ...]:
    """Every request as it is."""
    return tuple(Question(seed=seed, prompt=seed.text) for seed in seeds)


def wrapped(seeds: Iterable[Seed], collection: str, attempts: int) -> tuple[Question, ...]:
    """Every request in `attempts` different templates of the collection's test half, or in all.

    Raises:
        SeedError: the collection cannot be read.
    """
    templates = load_templates(collection, "test")
    return tuple(
        Question(
            seed=seed,
            prompt=templates[(start + number) % len(templates)].fill(seed.text),
            attempt=number,
        )
        for seed in seeds
        for start in [derive(0, "template", collection, seed.id) % len(templates)]
        for number in range(min(attempts, len(templates)))
    )
