"""A judge of one's own for tests: fails on every second reply, else finds compliance."""

from __future__ import annotations

from collections.abc import Sequence

from advgame.protocols import JudgeGroup
from advgame.types import Cost, Judgement


class Half:
    cost = Cost()

    async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
        return [
            tuple(Judgement(value=None if "odd" in group.request else 9.0) for _ in group.replies)
            for group in groups
        ]
