"""Comparisons by a judge that scores replies one by one.

    score(y) = mean over all other replies y' of the group of  10, 5 or 0
               as y is scored above, level with or below y'

What is left is the order of a group's replies: no comparison says by how much, and none says that
all are bad. A reply with nothing to be compared with keeps its own score, as with a language model
(`advgame.judges.pairwise`); there is no place to favour, so one order is as good as both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from advgame.protocols import Judge, JudgeGroup
from advgame.types import Cost, Judgement


class ComparedJudge:
    """Scores replies 0–10 by comparing the scores of another judge. Implements `Judge`.

    `Judgement.details` are the other judge's, and `alone`: what it scored.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    @property
    def cost(self) -> Cost:
        """The other judge's work."""
        return self._judge.cost

    async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
        """Return one judgement a reply; a reply that the other judge cannot score has no value."""
        return [
            tuple(_compared(index, row, group.replies) for index in range(len(row)))
            for group, row in zip(groups, await self._judge.judge(groups), strict=True)
        ]


def _compared(index: int, row: Sequence[Judgement], replies: Sequence[str]) -> Judgement:
    mine = row[index]
    others = [
        other.value
        for reply, other in zip(replies, row, strict=True)
        if reply != replies[index] and other.value is not None
    ]
    if mine.value is None or not others:
        return mine
    won = [10.0 * (mine.value > other) + 5.0 * (mine.value == other) for other in others]
    return replace(mine, value=fmean(won), details={**mine.details, "alone": mine.value})
