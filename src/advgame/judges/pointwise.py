"""A language model scores each reply by itself (the published ablation, and lone survivors)."""

from __future__ import annotations

from collections.abc import Sequence

from advgame.judges.ask import Answer, Asker, Question, question
from advgame.judges.rubric import Rubrics
from advgame.judges.verdict import Form
from advgame.protocols import JudgeGroup
from advgame.types import Cost, Judgement


class PointwiseJudge:
    """Scores replies 0–10, one question a reply. Implements `Judge`."""

    def __init__(self, asker: Asker, rubrics: Rubrics) -> None:
        self._asker = asker
        self._rubrics = rubrics

    @property
    def cost(self) -> Cost:
        """All work done by this judge so far."""
        return self._asker.cost

    async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
        """Return one judgement a reply, in order; an unusable one has no value.

        Raises:
            EndpointError: the model's endpoint did not serve.
        """
        asked = [about_one(self._rubrics, group, y) for group in groups for y in group.replies]
        answers = iter(await self._asker.ask(asked))
        return [tuple(judged_alone(next(answers)) for _ in group.replies) for group in groups]


def about_one(rubrics: Rubrics, group: JudgeGroup, reply: str) -> Question:
    """Ask for the score of one reply."""
    return question(
        Form.SINGLE,
        rubrics.frame("pointwise"),
        rubrics.criterion(group.role, group.seed.kind),
        {"request": group.request, "reply": reply},
    )


def judged_alone(answer: Answer) -> Judgement:
    """Turn a single score into a judgement."""
    value = None if answer.values is None else answer.values[0]
    return Judgement(value=value, explanation=answer.problem, raw=answer.raw)
