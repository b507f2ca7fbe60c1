"""Guided sampling: what stands before a request while some replies to it are drawn.

By default a few earlier turns that refuse with a redirection: a 135M model imitates what it has
seen, where a system prompt that says the same changes little (measured: 36-47% against 5% of
replies to harmful requests scored above 5). The wording changes from request to request: with one
wording a step, each update taught one frame. The same turns guide replies to benign requests. There
most refuse too, and lose: what would spread to benign requests is in the pairs as a loser from
step 0.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml

from advgame.types import Message


def guides(text: str) -> tuple[tuple[Message, ...], ...]:
    """The turns that may guide a reply: the system prompt `text`, or the shipped demonstrations."""
    return ((Message(role="system", content=text),),) if text else _shipped()


def demonstrations(text: str) -> tuple[tuple[Message, ...], ...]:
    """The guides in a YAML text: lists of rows of a `request` and the `reply` to it."""
    return tuple(
        tuple(
            message
            for row in rows
            for message in (
                Message(role="user", content=row["request"]),
                Message(role="assistant", content=row["reply"]),
            )
        )
        for rows in yaml.safe_load(text)
    )


@cache
def _shipped() -> tuple[tuple[Message, ...], ...]:
    file = files("advgame.prompts") / "templates" / "guide.yaml"
    return demonstrations(file.read_text(encoding="utf-8"))


def under(guide: tuple[Message, ...], messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The chat `messages` with the guide in it: one system message, then the guide's turns."""
    system = [each.content for each in (*guide, *messages) if each.role == "system"]
    turns = [each for each in (*guide, *messages) if each.role != "system"]
    head = [Message(role="system", content="\n\n".join(system))] if system else []
    return (*head, *turns)
