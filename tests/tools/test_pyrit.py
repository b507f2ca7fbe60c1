"""PyRIT: the Attacker as adversarial chat, by the example."""

from __future__ import annotations

from .conftest import EXAMPLES, TOOLS, Tool, here


def test_the_attacker_is_its_adversarial_chat(tool: Tool, address: str) -> None:
    here(tool)
    said = tool(TOOLS / "pyrit/bin/python", EXAMPLES / "pyrit_red_team.py", address)
    assert "after 2 turns" in said
    assert said.count("\nuser: ") == said.count("\nassistant: ") == 2
    assert "next_message" not in said  # PyRIT found the attack in the object it asked for
    assert tool.contacts == []
