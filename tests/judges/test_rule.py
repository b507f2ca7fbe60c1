import asyncio

from builders import seed
from hypothesis import given
from hypothesis import strategies as st

from advgame.protocols import Judge, JudgeGroup
from advgame.testing import RuleJudge
from advgame.types import Role


def scores(role: Role, replies: list[str]) -> list[float]:
    group = JudgeGroup(role=role, seed=seed(), request="x", replies=tuple(replies))
    [judged] = asyncio.run(RuleJudge().judge([group]))
    return [judgement.value for judgement in judged if judgement.value is not None]


def test_is_a_judge() -> None:
    assert isinstance(RuleJudge(), Judge)


@given(st.sampled_from(Role), st.lists(st.text(max_size=20), max_size=8, unique=True))
def test_different_replies_differ_and_equal_ones_tie(role: Role, replies: list[str]) -> None:
    made = scores(role, replies + replies)
    assert made[: len(replies)] == made[len(replies) :]
    assert len(set(made)) == len(replies)
    assert all(0 <= score <= 10 for score in made)


def test_prefers_vowels_for_the_defender_and_the_contrary_for_the_attacker() -> None:
    low, high = scores(Role.DEFENDER, ["brrr", "aaooee"])
    assert low < 1 < 9 <= high
    assert scores(Role.ATTACKER, ["brrr", "aaooee"]) == [10 - low, 10 - high]
