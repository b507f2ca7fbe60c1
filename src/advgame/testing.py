"""Public fakes: one for each seam, deterministic, and honest to the protocol they stand in for.

ScriptedSampler    replies from a list or a function
ScriptedJudge      scores from a function
RuleJudge          scores by the letters of a reply; always finds a contrast
RecordingLearner   remembers what it was given
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import TypeAlias

from advgame.errors import RejectedError
from advgame.judges.rule import RuleJudge
from advgame.protocols import JudgeGroup
from advgame.types import (
    Completion,
    Cost,
    Example,
    Finish,
    Judgement,
    SampleRequest,
    UpdateStats,
)

__all__ = ["RecordingLearner", "RuleJudge", "ScriptedJudge", "ScriptedSampler"]

Script: TypeAlias = Callable[[SampleRequest, int], str] | Sequence[str]
_END = 0  # id of the end token; words have ids from 1


class ScriptedSampler:
    """Draws what it is told. Implements `Sampler`.

    A token is a word; a reply longer than `max_new_tokens` is cut there and finishes by LENGTH.
    Every token has log-probability −1. `requests` keeps all that was asked.

    Example:
        >>> import asyncio
        >>> from advgame.types import Message, Sampling
        >>> request = SampleRequest(
        ...     messages=(Message(role="user", content="Hi"),), seeds=(1, 2), sampling=Sampling()
        ... )
        >>> drawn = asyncio.run(ScriptedSampler(["Hello", "Good day"]).sample([request]))
        >>> [completion.text for completion in drawn[0]]
        ['Hello', 'Good day']
        >>> echo = ScriptedSampler(lambda request, seed: f"{request.messages[-1].content} {seed}")
        >>> asyncio.run(echo.sample([request]))[0][1].text
        'Hi 2'
    """

    def __init__(self, script: Script, *, version: int = 0) -> None:
        """`script` is a function of (request, seed), or replies given out in turn, forever."""
        self._script = script if callable(script) else _in_turn(script)
        self.version = version
        self.cost = Cost()
        self.requests: list[SampleRequest] = []

    async def sample(self, requests: Sequence[SampleRequest], /) -> list[tuple[Completion, ...]]:
        """Return, for each request in order, one completion per seed in order."""
        self.requests += requests
        return [tuple(self._draw(request, seed) for seed in request.seeds) for request in requests]

    async def sample_each(
        self, requests: Sequence[SampleRequest], /
    ) -> list[tuple[Completion, ...] | RejectedError]:
        """As `sample`, with the error in place of a request that the script rejects."""
        found: list[tuple[Completion, ...] | RejectedError] = []
        for request in requests:
            try:
                found += await self.sample([request])
            except RejectedError as error:
                found.append(error)
        return found

    def _draw(self, request: SampleRequest, seed: int) -> Completion:
        text = self._script(request, seed)
        ends = [word.end() for word in re.finditer(r"\S+", text)]
        cut = len(ends) > request.sampling.max_new_tokens
        if cut:
            text = text[: ends[request.sampling.max_new_tokens - 1]]
        tokens = (*_ids(text), *(() if cut else (_END,)))
        prompt = _ids(" ".join(message.content for message in request.messages))
        cost = Cost(sampled_tokens=len(tokens), read_tokens=len(prompt))
        self.cost += cost
        return Completion(
            prompt_ids=prompt,
            token_ids=tokens,
            logprobs=(-1.0,) * len(tokens),
            text=text,
            finish=Finish.LENGTH if cut else Finish.STOP,
            policy_version=self.version,
            guided=request.context is not None,
            cost=cost,
        )


class ScriptedJudge:
    """Scores as it is told; None stands for an unusable verdict. Implements `Judge`.

    Example:
        >>> import asyncio
        >>> from advgame.types import Kind, Role, Seed
        >>> seed = Seed(id="1", text="Hi", kind=Kind.BENIGN)
        >>> group = JudgeGroup(role=Role.DEFENDER, seed=seed, request="Hi", replies=("a", "bcd"))
        >>> judge = ScriptedJudge(lambda group, reply: float(len(reply)))
        >>> [each.value for each in asyncio.run(judge.judge([group]))[0]]
        [1.0, 3.0]
    """

    def __init__(self, score: Callable[[JudgeGroup, str], float | None]) -> None:
        """`score` is a function of (group, reply)."""
        self._score = score
        self.cost = Cost()
        self.groups: list[JudgeGroup] = []

    async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
        """Return one judgement a reply, in order."""
        self.groups += groups
        return [
            tuple(
                Judgement(value=self._score(group, reply), explanation="scripted")
                for reply in group.replies
            )
            for group in groups
        ]


class RecordingLearner:
    """Learns nothing, remembers everything. Implements `Learner`.

    Example:
        >>> learner = RecordingLearner()
        >>> learner.average()
        >>> learner.averaged, learner.updates
        (1, [])
    """

    def __init__(self) -> None:
        self.updates: list[tuple[Example, ...]] = []
        self.steps = 0
        self.averaged = 0

    def update(self, examples: Sequence[Example], /) -> UpdateStats:
        """Record `examples`.

        Raises:
            ValueError: there are none; the loop skips such an update.
        """
        if not examples:
            raise ValueError("update of no examples")
        self.updates.append(tuple(examples))
        self.steps += 1
        return UpdateStats(examples=len(examples), loss=0.0, grad_norm=0.0, lr=0.0)

    def pace(self, spent: float, /) -> None:
        """Do nothing: it has no schedule."""

    def average(self) -> None:
        """Count the call."""
        self.averaged += 1

    def save(self, folder: Path, /) -> None:
        """Write the counts to `folder`/learner.json."""
        counts = {"steps": self.steps, "averaged": self.averaged}
        (folder / "learner.json").write_text(json.dumps(counts), encoding="utf-8")

    def load(self, folder: Path, /) -> None:
        """Restore the counts; what was learned from is not kept."""
        counts = json.loads((folder / "learner.json").read_text(encoding="utf-8"))
        self.steps, self.averaged = counts["steps"], counts["averaged"]


def _in_turn(replies: Sequence[str]) -> Callable[[SampleRequest, int], str]:
    turn = cycle(replies)
    return lambda request, seed: next(turn)


def _ids(text: str) -> tuple[int, ...]:
    return tuple(1 + zlib.crc32(word.encode("utf-8", "replace")) % 50_000 for word in text.split())
