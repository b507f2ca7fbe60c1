"""A language model compares the replies of a group, two at a time.

    score(y) = mean over all other replies y' of the group of
               ½ [score of y shown first against y' + score of y shown second]

Both orders are asked because judges favour a place. How much is measured on every pair:

    bias = ½ [(first − second) in one order + (first − second) in the other]

which is 0 for a judge that looks at the replies alone. A comparison counts only if all its orders
gave a usable verdict: half of one would carry the bias. Equal replies are not compared; a group
with nothing to compare (a lone survivor, or all replies equal) is scored by the pointwise rubric.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from advgame.judges.ask import Answer, Asker, Question, question
from advgame.judges.pointwise import about_one, judged_alone
from advgame.judges.rubric import Rubrics
from advgame.judges.verdict import Form
from advgame.protocols import JudgeGroup
from advgame.types import Cost, Judgement


class PairwiseJudge:
    """Scores replies 0–10 by comparison. Implements `Judge`.

    `Judgement.details` of a compared reply: `comparisons` and `unusable` (counts), and with both
    orders `shown_first`, `shown_second` (its mean score in either place) and `position_bias`
    (points that the first place was worth in its comparisons).
    """

    def __init__(self, asker: Asker, rubrics: Rubrics, *, both_orders: bool = True) -> None:
        """`both_orders` False asks each pair once, in the order given (the published code)."""
        self._asker = asker
        self._rubrics = rubrics
        self._both_orders = both_orders

    @property
    def cost(self) -> Cost:
        """All work done by this judge so far."""
        return self._asker.cost

    async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
        """Return one judgement a reply, in order; an unusable one has no value.

        Raises:
            EndpointError: the model's endpoint did not serve.
        """
        asked = [self._questions(group) for group in groups]
        answers = iter(await self._asker.ask([each for row in asked for each in row]))
        return [self._judgements(group, answers) for group in groups]

    def _questions(self, group: JudgeGroup) -> list[Question]:
        pairs = _pairs(group)
        if not pairs:
            return [about_one(self._rubrics, group, reply) for reply in group.replies]
        return [
            self._about_two(group, first, second)
            for pair in pairs
            for first, second in self._orders(pair)
        ]

    def _judgements(self, group: JudgeGroup, answers: Iterator[Answer]) -> tuple[Judgement, ...]:
        """Take the answers to `_questions(group)` off `answers`."""
        pairs = _pairs(group)
        if not pairs:
            return tuple(judged_alone(next(answers)) for _ in group.replies)
        compared = [
            _Comparison(pair, tuple(next(answers) for _ in self._orders(pair))) for pair in pairs
        ]
        return tuple(_judgement(index, compared) for index in range(len(group.replies)))

    def _orders(self, pair: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        return (pair, pair[::-1]) if self._both_orders else (pair,)

    def _about_two(self, group: JudgeGroup, first: int, second: int) -> Question:
        return question(
            Form.PAIR,
            self._rubrics.frame("pairwise"),
            self._rubrics.criterion(group.role, group.seed.kind),
            {
                "request": group.request,
                "reply_a": group.replies[first],
                "reply_b": group.replies[second],
            },
        )


def _pairs(group: JudgeGroup) -> list[tuple[int, int]]:
    replies = group.replies
    return [(i, j) for i, j in combinations(range(len(replies)), 2) if replies[i] != replies[j]]


@dataclass(frozen=True, slots=True)
class _Comparison:
    pair: tuple[int, int]
    answers: tuple[Answer, ...]  # one an order: (i, j), then (j, i) if both are asked

    @property
    def usable(self) -> bool:
        return all(answer.values is not None for answer in self.answers)

    @property
    def verdicts(self) -> list[tuple[float, float]]:
        """(first, second) scores, one an order; of a usable comparison."""
        return [(a.values[0], a.values[1]) for a in self.answers if a.values is not None]

    def places(self, index: int) -> list[float]:
        """Scores of reply `index`, one an order."""
        at = self.pair.index(index)
        return [verdict[at ^ order] for order, verdict in enumerate(self.verdicts)]

    @property
    def bias(self) -> float:
        return fmean(first - second for first, second in self.verdicts)


def _judgement(index: int, compared: Sequence[_Comparison]) -> Judgement:
    mine = [each for each in compared if index in each.pair]
    usable = [each for each in mine if each.usable]
    answers = [answer for each in mine for answer in each.answers]
    problems = sorted({answer.problem for answer in answers if answer.problem})
    raw = "\n\n".join(answer.raw for answer in answers)
    details = {"comparisons": float(len(usable)), "unusable": float(len(mine) - len(usable))}
    explanation = f"{len(usable)} of {len(mine)} comparisons usable"
    if problems:
        explanation += f" ({', '.join(problems)})"
    if not usable:
        return Judgement(value=None, explanation=explanation, raw=raw, details=details)
    places = [each.places(index) for each in usable]
    if len(usable[0].answers) == 2:
        # A reply stands first in the order that has its own place in the pair.
        firsts = [each.pair.index(index) for each in usable]
        details |= {
            "shown_first": fmean(p[at] for p, at in zip(places, firsts, strict=True)),
            "shown_second": fmean(p[1 - at] for p, at in zip(places, firsts, strict=True)),
            "position_bias": fmean(each.bias for each in usable),
        }
    return Judgement(
        value=fmean(fmean(scores) for scores in places),
        explanation=explanation,
        raw=raw,
        details=details,
    )
