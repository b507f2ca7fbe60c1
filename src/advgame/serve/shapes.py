"""What red-teaming tools ask an attacker for, and how they want the answer laid out.

A tool asks for an attack in a prompt of its own: pages of instructions, the request somewhere in
them, an answer in JSON. Our Attacker reads requests and writes prompts. A shape says where in such
a chat the request stands and puts the prompt where the tool looks for it; what else a tool wants
(a rationale, an observation) is left empty, as nobody wrote any. A chat of no known shape is taken
by its first user turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from advgame.prompts.formats import examples, template
from advgame.serve.errors import invalid
from advgame.types import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How one family of tools asks and reads.

    A chat is of this shape if its text holds `mark` and one of `requests` matches it; the group of
    the match at `which` is what is to be attacked. No pattern reads past the next opening: a target
    writes into such a chat, and one that opens without end would stall the server.
    """

    name: str
    mark: str
    requests: tuple[re.Pattern[str], ...]
    lay_out: Callable[[str], str]
    json: bool = True
    which: int = -1

    def request(self, text: str) -> str | None:
        """The request in a chat's text; None if the chat is of another shape."""
        if self.mark not in text:
            return None
        for pattern in self.requests:
            found = [each for each in pattern.findall(text) if each.strip()]
            if found:
                return str(found[self.which]).strip()
        return None


def _fields(prompt: str, rest: Mapping[str, str]) -> Callable[[str], str]:
    """A JSON object with the attack in the field `prompt`, beside `rest`."""
    return lambda text: json.dumps({prompt: text, **rest}, ensure_ascii=False)


_OPENS = r"performs? the\s+following behavior:\s+'"
_BEHAVIOUR = re.compile(rf"{_OPENS}((?:(?!{_OPENS}|'\.\s).)*)'\.\s", re.DOTALL)

_GOAL = re.compile(
    r"^Goal \(G\): ((?:(?!^Goal \(G\): ).)*?)$(?=\n{1,9}Previous Prompt \(P\))", re.M | re.S
)

SHAPES: tuple[Shape, ...] = (
    Shape(  # ours, for tools whose prompts are templates: the request in a tag, the attack alone
        name="tag",
        mark="<request>",
        requests=(re.compile(r"<request>((?:(?!</?request>).)*)</request>", re.DOTALL),),
        lay_out=lambda text: text,
        json=False,
        which=0,  # what comes after may be what the target said
    ),
    Shape(  # PyRIT: red teaming, crescendo, PAIR, TAP
        name="pyrit",
        mark="`next_message`",
        requests=(
            re.compile(r"^The conversation objective is to: (.*?)$", re.MULTILINE),
            _BEHAVIOUR,
        ),
        lay_out=_fields("next_message", {"rationale": "", "last_response_summary": ""}),
    ),
    Shape(  # garak: TAP, PAIR; promptfoo: iterative. After the prompts of these methods' papers
        name="tap",
        mark="improvement",
        requests=(_BEHAVIOUR,),
        lay_out=_fields("prompt", {"improvement": ""}),
    ),
    Shape(  # garak: GOAT
        name="goat",
        mark="Previous Model Response (M):",
        requests=(_GOAL,),
        lay_out=lambda text: f"Observation: \nThought: \nStrategy: \nResponse: {text}",
        json=False,
    ),
)


def wanted(chat: Sequence[Message]) -> tuple[str, Shape | None]:
    """The request that a chat wants attacked, and the shape of the answer.

    Raises:
        NotServedError: there is none.
    """
    if request := _after_examples(chat):
        return request, None
    text = "\n\n".join(message.content for message in chat if message.role != "assistant")
    for shape in SHAPES:
        if request := shape.request(text):
            return request, shape
    for message in chat:
        if message.role == "user" and message.content.strip():
            return message.content.strip(), None
    raise invalid("the attacker rewrites the first user message, and this chat has none")


def _after_examples(chat: Sequence[Message]) -> str | None:
    """The request of a chat by `advgame redteam` or `eval`: they put examples of ours before it."""
    said = [message.content for message in chat if message.role == "user"]
    for about in ("harmful", "benign", "injection"):
        shown = examples(about)
        before, _, after = template(f"fewshot-{about}").partition("{request}")
        asked = [
            each.removeprefix(before).removesuffix(after)
            for each in said
            if each.startswith(before) and each.endswith(after)
        ]
        if len(asked) > len(shown) and asked[0] == shown[0][0]:
            return asked[-1]
    return None
