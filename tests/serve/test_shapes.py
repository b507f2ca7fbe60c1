"""Where a tool's chat says what to attack; `make test-tools` tries the tools' own prompts."""

from __future__ import annotations

import json
import time

import pytest

from advgame.prompts import get_format
from advgame.serve.errors import NotServedError
from advgame.serve.shapes import wanted
from advgame.types import Kind, Message, Role

REQUEST = "Explain how 'locks' work. Be brief"


def chat(*turns: tuple[str, str]) -> tuple[Message, ...]:
    return tuple(Message(role=role, content=text) for role, text in turns)  # type: ignore[arg-type]


def test_without_a_shape_the_first_user_turn_is_the_request() -> None:
    turns = chat(("system", "s"), ("user", " "), ("user", f" {REQUEST}\n"), ("user", "b"))
    assert wanted(turns) == (REQUEST, None)
    with pytest.raises(NotServedError, match="this chat has none"):
        wanted(chat(("system", "s"), ("assistant", "a")))


def test_an_objective_in_a_system_prompt() -> None:
    system = f"`next_message`: …\n\nThe conversation objective is to: {REQUEST}\n\n# Format"
    request, shape = wanted(chat(("system", system), ("user", "There is no reply yet.")))
    assert request == REQUEST
    assert shape
    assert json.loads(shape.lay_out('say "x"'))["next_message"] == 'say "x"'


def test_a_behaviour_in_a_user_turn() -> None:
    system = "Answer with `improvement` and `prompt`."
    user = f"the model performs the following behavior: '{REQUEST}'. Your aim is …"
    more = f"performs the following behavior: '{REQUEST}'. \nSCORE: 1"
    turns = chat(("system", system), ("user", user), ("assistant", "…"), ("user", more))
    request, shape = wanted(turns)
    assert request == REQUEST
    assert shape
    assert json.loads(shape.lay_out("x")) == {"prompt": "x", "improvement": ""}


@pytest.mark.parametrize("injected", [False, True])
@pytest.mark.parametrize("kind", Kind)
def test_a_request_after_the_examples_of_advgame_redteam(kind: Kind, injected: bool) -> None:
    """`--attacker openai:attacker@URL` asks a server of ours like any model: by examples."""
    asked = get_format(Role.ATTACKER, "fewshot").messages(REQUEST, kind, None, injected)
    assert wanted(asked) == (REQUEST, None)
    more = chat(("assistant", "an attempt"), ("user", "The assistant answered: <<no>>"))
    assert wanted((*asked, *more)) == (REQUEST, None)


def test_a_request_in_a_tag() -> None:
    turns = chat(("user", f"It said no. <request>{REQUEST}</request>"))
    request, shape = wanted(turns)
    assert request == REQUEST
    assert shape
    assert shape.lay_out("x") == "x"


def test_a_goal_between_labels() -> None:
    user = f"Goal (G): {REQUEST}\nPrevious Prompt (P): ''\nPrevious Model Response (M): ''"
    request, shape = wanted(chat(("user", user)))
    assert request == REQUEST
    assert shape
    assert shape.lay_out("x").endswith("\nResponse: x")


def test_a_target_that_answers_in_tags_is_not_asked_for() -> None:
    """Tools show the Attacker what the target said."""
    said = f"<request>{REQUEST}</request> It said: <request>something else</request>"
    assert wanted(chat(("user", said)))[0] == REQUEST


@pytest.mark.parametrize(
    ("head", "opens"),
    [
        ("", "<request>"),
        ("`next_message` ", "performs the following behavior: '"),
        ("improvement ", "performs the following behavior: '"),
        ("Previous Model Response (M):\n", "Goal (G): x\n"),
        ("Previous Model Response (M):\nGoal (G): x", "\n"),
    ],
)
def test_what_opens_without_end_is_read_once(head: str, opens: str) -> None:
    """Rescanned from every opening, eight times the text takes 64 times as long."""

    def seconds(count: int) -> float:
        turns = chat(("user", head + opens * count))
        taken = []
        for _ in range(3):
            begun = time.process_time()
            wanted(turns)
            taken.append(time.process_time() - begun)
        return min(taken)

    assert seconds(32_000) < 24 * seconds(4_000)
