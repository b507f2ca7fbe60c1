from __future__ import annotations

from advgame.prompts.guide import guides, under
from advgame.types import Message


def user(text: str) -> Message:
    return Message(role="user", content=text)


def test_the_shipped_guides_are_chats_of_demonstrations() -> None:
    for turns in guides(""):
        assert [turn.role for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
        assert under(turns, (user("x"),)) == (*turns, user("x"))


def test_the_shipped_guides_open_in_many_ways() -> None:
    openings = {" ".join(turns[1].content.split()[:6]) for turns in guides("")}
    assert len(openings) > 4


def test_a_guide_of_one_s_own_goes_above_a_player_s_system_prompt() -> None:
    own = (Message(role="system", content="Own."), user("x"))
    [turns] = guides("Guide.")
    chat = under(turns, own)
    assert [turn.content for turn in chat] == ["Guide.\n\nOwn.", "x"]
    assert [turn.role for turn in chat] == ["system", "user"]
