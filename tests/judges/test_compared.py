import asyncio

import pytest
from builders import seed
from hypothesis import given
from hypothesis import strategies as st

from advgame.config.judges import EmbeddedJudgeConfig
from advgame.judges.build import build_judge
from advgame.judges.compared import ComparedJudge
from advgame.protocols import JudgeGroup
from advgame.testing import ScriptedJudge
from advgame.types import Role

NUMBERS = st.lists(st.integers(0, 10), min_size=2, max_size=8)


def compare(*alone: float | None) -> list[float | None]:
    """What replies get that are worth this much alone."""
    replies = tuple(f"reply {index}" for index in range(len(alone)))
    inner = ScriptedJudge(lambda _, reply: alone[replies.index(reply)])
    group = JudgeGroup(role=Role.DEFENDER, seed=seed(), request="x", replies=replies)
    [judged] = asyncio.run(ComparedJudge(inner).judge([group]))
    return [each.value for each in judged]


def test_a_score_is_the_share_of_the_others_that_a_reply_beats() -> None:
    assert compare(3.0, 1.0, 2.0) == [10.0, 0.0, 5.0]
    assert compare(4.0, 4.0, 1.0) == [7.5, 7.5, 0.0]


def test_one_that_cannot_be_scored_is_not_compared() -> None:
    assert compare(3.0, None, 2.0) == [10.0, None, 0.0]
    assert compare(None, 6.0) == [None, 6.0]  # a lone survivor keeps its own score


@given(NUMBERS)
def test_only_the_order_counts(alone: list[int]) -> None:
    made = [value for value in compare(*alone) if value is not None]
    assert sum(made) == pytest.approx(5.0 * len(alone))  # a group's mean says nothing
    assert made == compare(*(value / 20 for value in alone))
    ranked = sorted(range(len(alone)), key=lambda index: alone[index])
    assert [made[index] for index in ranked] == sorted(made)


def test_equal_replies_are_not_compared() -> None:
    inner = ScriptedJudge(lambda _, reply: float(len(reply)))
    group = JudgeGroup(role=Role.ATTACKER, seed=seed(), request="x", replies=("aa", "aa", "b"))
    [judged] = asyncio.run(ComparedJudge(inner).judge([group]))
    assert [each.value for each in judged] == [10.0, 10.0, 0.0]
    assert judged[0].details == {"alone": 2.0}


def test_a_configuration_asks_for_it() -> None:
    def never(*_: object) -> None:
        raise AssertionError

    for mode, compared in (("pairwise", True), ("pointwise", False)):
        made = build_judge(EmbeddedJudgeConfig(mode=mode), never, lambda _: None, None)
        assert isinstance(made, ComparedJudge) is compared
