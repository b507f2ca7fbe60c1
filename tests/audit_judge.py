"""A second judge for tests: every reply by its length, so it differs from the rule judge."""

from __future__ import annotations

from collections.abc import Sequence

from advgame.protocols import JudgeGroup
from advgame.types import Cost, Judgement


class LengthJudge:
    cost = Cost()

    async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
        return [tuple(Judgement(value=len(r) % 11 * 0.9) for r in g.replies) for g in groups]


def make() -> LengthJudge:
    return LengthJudge()
