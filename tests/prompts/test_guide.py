from __future__ import annotations

from advgame.prompts.guide import guide, under
from advgame.types import Message


def user(text: str) -> Message:
    return Message(role="user", content=text)


def test_the_shipped_guide_is_a_chat_of_demonstrations() -> None:
    turns = guide("", 0)
    assert [turn.role for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
    assert under(turns, (user("x"),)) == (*turns, user("x"))


def test_the_wording_changes_from_step_to_step() -> None:
    openings = {guide("", step)[1].content.split()[:3][-1] for step in range(8)}
    assert len(openings) > 2
    assert guide("", 1) == guide("", 8) != guide("", 2)


def test_a_guide_of_one_s_own_goes_above_a_player_s_system_prompt() -> None:
    own = (Message(role="system", content="Own."), user("x"))
    chat = under(guide("Guide.", 0), own)
    assert [turn.content for turn in chat] == ["Guide.\n\nOwn.", "x"]
    assert [turn.role for turn in chat] == ["system", "user"]
