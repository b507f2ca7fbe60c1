from __future__ import annotations

from advgame.prompts.guide import guide, under
from advgame.types import Message


def user(text: str) -> Message:
    return Message(role="user", content=text)


def test_the_shipped_guide_is_a_chat_of_demonstrations() -> None:
    turns = guide("")
    assert [turn.role for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
    assert under(turns, (user("x"),)) == (*turns, user("x"))


def test_a_guide_of_one_s_own_goes_above_a_player_s_system_prompt() -> None:
    own = (Message(role="system", content="Own."), user("x"))
    chat = under(guide("Guide."), own)
    assert [turn.content for turn in chat] == ["Guide.\n\nOwn.", "x"]
    assert [turn.role for turn in chat] == ["system", "user"]
