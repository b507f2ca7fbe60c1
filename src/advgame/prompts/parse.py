"""Strict parsing of raw model text into thought and move.

A parser returns None for text that breaks its format: the move is then `Fault.UNPARSEABLE`.
Strictness is the point: what is trained on is the raw text, so whatever a parser forgives, the
player learns to do. Model text is hostile; a parser only ever cuts substrings out of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias


class Parsed(NamedTuple):
    """What a raw completion says."""

    text: str
    thought: str = ""


Parser: TypeAlias = Callable[[str], Parsed | None]

_QUOTES = {'"': '"', "“": "”", "'": "'"}
# Another quotation begins after the first one has ended; an apostrophe stands between letters.
_SEVERAL = {
    '"': re.compile(r'"(?!\w).*(?<!\w)"', re.DOTALL),
    "“": re.compile("”.*“", re.DOTALL),
    "'": re.compile(r"'(?!\w).*(?<!\w)'", re.DOTALL),
}
_NATIVE_THOUGHT = re.compile(r"\A\s*(?:<think>)?(?P<thought>.*?)</think>", re.DOTALL)


def _tag_count(raw: str, *tags: str) -> bool:
    """Whether each tag opens once and closes once."""
    return all(raw.count(f"<{tag}>") == 1 == raw.count(f"</{tag}>") for tag in tags)


def tagged(tag: str, *, thinking: bool) -> Parser:
    """Exactly `<think>…</think><TAG>…</TAG>`, or without thinking exactly `<TAG>…</TAG>`."""
    think = r"<think>(?P<thought>.*)</think>\s*" if thinking else r"(?P<thought>)"
    shape = re.compile(rf"\s*{think}<{tag}>(?P<text>.*)</{tag}>\s*", re.DOTALL)
    wanted = ("think", tag) if thinking else (tag,)

    def parse(raw: str) -> Parsed | None:
        found = shape.fullmatch(raw) if _tag_count(raw, *wanted) else None
        text = found["text"].strip() if found else ""
        return Parsed(text, found["thought"].strip()) if found and text else None

    return parse


def freeform(tag: str) -> Parser:
    """Any thinking, then exactly one `<TAG>…</TAG>` at the end."""
    shape = re.compile(rf"(?P<thought>.*?)<{tag}>(?P<text>.*)</{tag}>\s*", re.DOTALL)

    def parse(raw: str) -> Parsed | None:
        found = shape.fullmatch(raw) if _tag_count(raw, tag) else None
        text = found["text"].strip() if found else ""
        return Parsed(text, found["thought"].strip()) if found and text else None

    return parse


def native(inner: Parser) -> Parser:
    """A reasoning model's own `…</think>` first, then what `inner` reads."""

    def parse(raw: str) -> Parsed | None:
        found = _NATIVE_THOUGHT.match(raw)
        if found is None:
            return None
        rest = raw[found.end() :]
        if "<think>" in rest or "</think>" in rest:  # thinking would pass for the move
            return None
        parsed = inner(rest)
        return Parsed(parsed.text, found["thought"].strip()) if parsed else None

    return parse


def whole(raw: str) -> Parsed | None:
    """All of the text is the move; only empty text fails."""
    text = raw.strip()
    return Parsed(text) if text else None


_BLANK = re.compile(r"\n\s*\n")  # what ends a paragraph


def one_request(raw: str) -> Parsed | None:
    """Free text that must be a single paragraph; quotation marks around all of it are dropped.

    The format of models too small for tags. A second paragraph is the model going on to answer
    its own prompt, or to chat about it, and fails.
    """
    text = raw.strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        inside = text[1:-1]
        text = text if _SEVERAL[text[0]].search(inside) else inside.strip()
    return Parsed(text) if text and not _BLANK.search(text) else None
