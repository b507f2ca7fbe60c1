"""The seams of the system: what one part may expect of another, and nothing more.

Implementations are chosen by configuration in `world.py` alone. Each protocol has one public fake
in `advgame.testing`, and one contract test that every implementation passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from advgame.errors import RejectedError
from advgame.types import (
    Completion,
    Cost,
    Episode,
    Example,
    Judgement,
    Role,
    SampleRequest,
    Scored,
    Seed,
    UpdateStats,
    WeightName,
)


@runtime_checkable
class Sampler(Protocol):
    """Draws completions. Need not know where the weights live or who trains them."""

    async def sample(self, requests: Sequence[SampleRequest], /) -> list[tuple[Completion, ...]]:
        """Return, for each request in order, one completion per seed in order.

        Raises:
            EndpointError: the engine is remote and did not serve, after its retries.
        """
        ...

    @property
    def version(self) -> int:
        """Version of the weights that the next `sample` uses; 0 if they never change."""
        ...

    @property
    def cost(self) -> Cost:
        """All work done by this sampler so far."""
        ...


@runtime_checkable
class SamplesEach(Sampler, Protocol):
    """A sampler that can say which requests its model does not take, and serve the others."""

    async def sample_each(
        self, requests: Sequence[SampleRequest], /
    ) -> list[tuple[Completion, ...] | RejectedError]:
        """As `sample`, with the error in place of what the model rejects.

        Raises:
            EndpointError: the engine is remote and did not serve, after its retries.
        """
        ...


@runtime_checkable
class Embedder(Protocol):
    """Text to unit vectors."""

    def embed(self, texts: Sequence[str], /) -> Any:
        """Return a numpy array `[len(texts), dim]` of unit rows, float32."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeGroup:
    """Replies that belong together: the candidates of one comparison.

    `request` is what they are judged against: for the Defender the prompt x (or the seed, by
    configuration), for the Attacker always the seed s. `seed.kind` selects the rubric.
    """

    role: Role
    seed: Seed
    request: str
    replies: tuple[str, ...]


@runtime_checkable
class Judge(Protocol):
    """Scores replies 0–10. A group at a time, so pointwise and pairwise are one interface."""

    async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
        """Return one judgement a reply, in order. A failure is a `Judgement(value=None)`."""
        ...

    @property
    def cost(self) -> Cost:
        """All work done by this judge so far."""
        ...


@runtime_checkable
class FaithfulnessCheck(Protocol):
    """Would an answer to the prompt also answer the seed?"""

    async def check(self, prompts: Sequence[tuple[Seed, str]], /) -> list[Judgement]:
        """Return 1.0 (faithful), 0.0 (not) or None (unusable) for each (seed, prompt)."""
        ...

    @property
    def cost(self) -> Cost:
        """All work done by this check so far."""
        ...


class Credit(Protocol):
    """Turns scored episodes into training examples for one role. Pure."""

    def __call__(self, episodes: Sequence[Episode[Scored]], role: Role, /) -> list[Example]:
        """Return what `role` can learn from `episodes`; may be empty."""
        ...


@runtime_checkable
class Learner(Protocol):
    """Owns the trainable weights of one player and its optimiser."""

    def update(self, examples: Sequence[Example], /) -> UpdateStats:
        """Take one optimiser step on all `examples`.

        Raises:
            ValueError: no example, on any rank, has weight.
        """
        ...

    def pace(self, spent: float, /) -> None:
        """Take note that this share of the run's budget, 0 to 1, is spent before an update."""
        ...

    def average(self) -> None:
        """Move the EMA towards the policy, once."""
        ...

    def save(self, folder: Path, /) -> None:
        """Write everything a bit-identical continuation needs (safetensors and JSON)."""
        ...

    def load(self, folder: Path, /) -> None:
        """Restore what `save` wrote."""
        ...


class WeightSync(Protocol):
    """Carries weights from a learner to the sampler that plays with them."""

    def push(self, source: WeightName, version: int, /) -> None:
        """Make the sampler play with `source` from now on, and call those weights `version`."""
        ...


class Sink(Protocol):
    """Takes a line of metrics a step."""

    def write(self, step: int, metrics: dict[str, Any], /) -> None:
        """Take the line of one step."""
        ...

    def close(self) -> None:
        """Flush; nothing is written afterwards."""
        ...
