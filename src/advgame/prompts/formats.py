"""Formats: how a player is asked for its move and how the move is read back.

A format is data: what stands before the request, how the assistant turn opens, and a parser.

    tags          instruction; thinking section, then exactly one move section (the published shape)
    tags-nothink  instruction; the move section alone
    freeform      instruction; free thinking, then exactly one move section
    native        instruction; for reasoning models that think by themselves
    zeroshot      instruction; the whole reply is the move, one paragraph
    prefill       instruction; the reply's opening is written for the model
    fewshot       examples as earlier chat turns (what a 135M Attacker can follow)
    plain         no instruction, the whole reply is the move (the Defender's usual format)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from advgame.errors import ConfigError
from advgame.prompts.parse import Parser, freeform, native, one_request, tagged, whole
from advgame.types import Kind, Message, Role

_SECTION = {Role.ATTACKER: "prompt", Role.DEFENDER: "reply"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to ask a role for a move and to read the answer.

    `layout` names the template file that says how to lay the answer out (None = not said);
    `examples` puts few-shot turns before the request; `prefill` opens the assistant's turn.
    """

    name: str
    role: Role
    parse: Parser
    layout: str | None = None
    instruct: bool = True
    examples: bool = False
    prefill: str = ""

    def messages(
        self, text: str, kind: Kind, system: str | None, injected: bool = False
    ) -> tuple[Message, ...]:
        """Chat that asks for a move on `text`. The Defender's depends on nothing else.

        `injected`: an attack is to stand in a document that the Defender reads.
        """
        about = "injection" if injected else kind.value
        turns = [Message(role="system", content=system)] if system else []
        if self.role is Role.DEFENDER:
            ask = f"{template(self.layout)}\n\n{text}" if self.layout else text
            return (*turns, Message(role="user", content=ask))
        if self.examples:
            opening = template(f"fewshot-{about}")
            for seed, prompt in examples(about):
                turns.append(Message(role="user", content=fill(opening, seed)))
                turns.append(Message(role="assistant", content=prompt))
            return (*turns, Message(role="user", content=fill(opening, text)))
        if not self.instruct:
            return (*turns, Message(role="user", content=text))
        ask = fill(template(f"attacker-{about}"), text)
        if self.layout:
            ask = f"{ask}\n\n{template(self.layout)}"
        return (*turns, Message(role="user", content=ask))

    def chat(self, messages: tuple[Message, ...], system: str | None) -> tuple[Message, ...]:
        """A chat for the Defender to go on with: the last user message put as in training.

        `system` opens it unless it brings a system message of its own.
        """
        if not messages or messages[-1].role != "user":
            return messages
        own = system if messages[0].role != "system" else None
        *before, last = self.messages(messages[-1].content, Kind.HARMFUL, own)
        return (*before, *messages[:-1], last)


def fill(text: str, request: str) -> str:
    """Put `request` where the template says {request}, if it does; what is put in stays text."""
    before, found, after = text.partition("{request}")
    return f"{before}{request}{after}" if found else text


@cache
def template(name: str) -> str:
    """The text of a shipped template."""
    file = files("advgame.prompts") / "templates" / f"{name}.md"
    return file.read_text(encoding="utf-8").strip()


@cache
def examples(about: str) -> tuple[tuple[str, str], ...]:
    """The few-shot examples of the Attacker, (seed, prompt): of a kind, or of `injection`."""
    file = files("advgame.prompts") / "templates" / "examples.yaml"
    rows = yaml.safe_load(file.read_text(encoding="utf-8"))[about]
    return tuple((row["seed"], row["prompt"]) for row in rows)


def _formats(role: Role) -> dict[str, Format]:
    tag = _SECTION[role]

    def laid_out(name: str, parse: Parser, layout: str) -> Format:
        return Format(name=name, role=role, parse=parse, layout=f"layout-{role}-{layout}")

    made = [
        laid_out("tags", tagged(tag, thinking=True), "tags"),
        laid_out("tags-nothink", tagged(tag, thinking=False), "tags-nothink"),
        laid_out("freeform", freeform(tag), "freeform"),
        Format(name="plain", role=role, parse=whole, instruct=False),
    ]
    if role is Role.ATTACKER:
        opening = "Here is the request in other words: "
        made += [
            laid_out("native", native(tagged(tag, thinking=False)), "tags-nothink"),
            Format(name="zeroshot", role=role, parse=one_request),
            Format(name="prefill", role=role, parse=one_request, prefill=opening),
            Format(name="fewshot", role=role, parse=one_request, examples=True),
        ]
    else:
        made += [Format(name="native", role=role, parse=native(whole))]
    return {each.name: each for each in made}


FORMATS: dict[Role, dict[str, Format]] = {role: _formats(role) for role in Role}


def get_format(role: Role, name: str) -> Format:
    """Look a format up.

    Raises:
        ConfigError: the role has no such format.
    """
    try:
        return FORMATS[role][name]
    except KeyError:
        known = ", ".join(FORMATS[role])
        raise ConfigError(f"{role}.format: no format {name!r}; use one of: {known}") from None
