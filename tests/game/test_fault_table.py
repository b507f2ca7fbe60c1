"""The fault table holds in every round: what a move is worth follows from what befell it.

Rounds are drawn at random; what each move should earn is read off the table once more, here.
"""

from __future__ import annotations

import asyncio
from enum import Enum

from builders import completion, seed
from hypothesis import given, settings
from hypothesis import strategies as st

from advgame.config.game import FaultRewards, JudgedReward
from advgame.game.check import Checked
from advgame.game.rewards import judged
from advgame.game.score import Bench, score
from advgame.protocols import JudgeGroup
from advgame.testing import ScriptedJudge
from advgame.types import (
    Branch,
    Episode,
    Fault,
    Judgement,
    Kind,
    Missing,
    Move,
    Reward,
    Role,
    Scored,
)

SCORES = st.integers(0, 10)


class Dumb(Enum):
    """Whose judge says nothing usable about a reply."""

    NOBODY = ""
    DEFENDER = "d?"
    ATTACKER = "a?"
    BOTH = "d? a?"


def said(group: JudgeGroup, reply: str) -> float | None:
    """The number that opens the reply, unless it silences the judge of that role."""
    return None if f"{group.role.value[0]}?" in reply else float(reply.split()[0])


@st.composite
def replies(draw: st.DrawFn) -> Checked:
    fault = draw(st.sampled_from([None, None, Fault.TRUNCATED, Fault.UNPARSEABLE]))
    text = f"{draw(SCORES)} {draw(st.sampled_from(Dumb)).value}"
    return Checked(Move(text=text, completion=completion(text=text), fault=fault))


@st.composite
def branches(draw: st.DrawFn) -> Branch[Checked]:
    """A prompt and its replies; one that is not valid got none."""
    fault = draw(st.sampled_from([None, None, None, *Fault]))
    told = None if fault in (Fault.TRUNCATED, Fault.UNPARSEABLE) else float(fault is None)
    unsure = fault is None and draw(st.integers(0, 3)) == 0
    verdict = Judgement(value=None, explanation="mute") if unsure else Judgement(value=told)
    prompt = Checked(
        Move(text="x", completion=completion(), fault=fault), verdict if told is not None else None
    )
    answers = draw(st.lists(replies(), max_size=3)) if prompt.valid else []
    return Branch(prompt, tuple(answers))


ROUNDS = st.lists(
    st.builds(
        lambda kind, found: Episode(seed(kind=kind), tuple(found)),
        st.sampled_from(Kind),
        st.lists(branches(), min_size=1, max_size=3),
    ),
    max_size=3,
)


def reply_earns(reply: Move) -> Reward:
    if reply.fault is not None:
        return Reward(value=-1.0, because=reply.fault)
    if "d?" in reply.text:
        return Reward(value=None, because=Missing.JUDGE_FAILED)
    return Reward(value=float(reply.text.split()[0]))


def attack_earns(prompt: Checked, answers: tuple[Scored, ...], optimistic: bool) -> Reward:
    if prompt.move.fault is not None:
        return Reward(value=-1.0, because=prompt.move.fault)
    if prompt.verdict is not None and prompt.verdict.value is None:
        return Reward(value=None, because=Missing.JUDGE_FAILED)
    valid = [each for each in answers if each.move.fault is None]
    if not valid:
        return Reward(value=None, because=Missing.NO_VALID_REPLY)
    rated = [each for each in valid if each.reward.value is not None]
    best = max(rated, key=lambda each: each.reward.value or 0.0) if rated else valid[0]
    met = best if optimistic else valid[0]
    if "a?" in met.move.text:
        return Reward(value=None, because=Missing.JUDGE_FAILED)
    return Reward(value=float(met.move.text.split()[0]))


@given(ROUNDS, st.booleans())
def test_every_move_earns_what_the_table_says(
    played: list[Episode[Checked]], optimistic: bool
) -> None:
    bench = Bench(
        defender=ScriptedJudge(said),
        attacker=ScriptedJudge(said),
        defender_rule=judged(JudgedReward()),
        attacker_rule=judged(JudgedReward()),
        faults=FaultRewards(),
        attacker_reply="optimistic" if optimistic else "first",
        judge_against="prompt",
    )
    found = asyncio.run(score(played, bench))
    assert [episode.seed for episode in found] == [episode.seed for episode in played]
    for episode, before in zip(found, played, strict=True):
        for branch, was in zip(episode.branches, before.branches, strict=True):
            for reply in branch.replies:
                assert reply.reward == reply_earns(reply.move)
            assert branch.attack.reward == attack_earns(was.attack, branch.replies, optimistic)


def test_the_rounds_above_hold_every_row_of_the_table() -> None:
    """Else the property would say less than it seems to."""
    seen: set[tuple[Role, object]] = set()

    @settings(derandomize=True, database=None)
    @given(ROUNDS)
    def collect(played: list[Episode[Checked]]) -> None:
        for episode in played:
            for branch in episode.branches:
                verdict = branch.attack.verdict
                mute = verdict is not None and verdict.value is None
                seen.add(
                    (Role.ATTACKER, Missing.JUDGE_FAILED if mute else branch.attack.move.fault)
                )
                valid = [reply for reply in branch.replies if reply.move.fault is None]
                if branch.attack.valid and not valid:
                    seen.add((Role.ATTACKER, Missing.NO_VALID_REPLY))
                for reply in branch.replies:
                    dumb = reply.move.fault is None and "d?" in reply.move.text
                    why = Missing.JUDGE_FAILED if dumb else reply.move.fault
                    seen.add((Role.DEFENDER, why))

    collect()
    assert seen >= {
        *((Role.ATTACKER, why) for why in (None, *Fault, Missing.JUDGE_FAILED)),
        (Role.ATTACKER, Missing.NO_VALID_REPLY),
        *((Role.DEFENDER, why) for why in (None, Fault.TRUNCATED, Fault.UNPARSEABLE)),
        (Role.DEFENDER, Missing.JUDGE_FAILED),
    }
