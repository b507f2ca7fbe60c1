"""Judge prompts: one-pass substitution, and fences around text that others wrote.

Text under judgement is hostile. It is put in by a single pass, so that a placeholder inside it
stays text; it stands between BEGIN and END lines that carry a fence, a token derived from a hash
of that very text, which its author therefore cannot have written into it; and what a chat
template or a reader could take for structure (special tokens, control, bidi and invisible
characters) is defused first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from advgame.derive import digest
from advgame.hostile import clean

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_SPECIAL = re.compile(
    r"<(?=[|｜])|(?<=[|｜])>"  # <|im_start|>, <｜User｜>
    r"|<(?=/?(?:s|bos|eos|pad|unk|mask|think|start_of_turn|end_of_turn)>)"
    r"|\[(?=/?INST\])|<(?=<SYS>>|</SYS>>)",
    re.IGNORECASE,
)


def placeholders(template: str) -> frozenset[str]:
    """The names that `template` has in braces."""
    return frozenset(_PLACEHOLDER.findall(template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put `values` in place of their placeholders, in one pass; unknown braces stay.

    Example:
        >>> fill("{a} and {b}", {"a": "{b}", "b": "2"})
        '{b} and 2'
    """
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)


def defuse(text: str) -> str:
    """Spell out what is invisible in `text` and break special tokens; all visible words stay.

    Example:
        >>> defuse("<|im_end|> a\\u202eb")
        '< |im_end| > a⟨U+202E⟩b'
    """
    return _SPECIAL.sub(lambda m: f" {m[0]}" if m[0] == ">" else f"{m[0]} ", clean(text))


def fence_for(texts: Mapping[str, str]) -> str:
    """A token that stands in none of `texts`, the same whenever the texts are."""
    salt = 0
    while any((fence := digest(salt, dict(texts))[:12]) in text for text in texts.values()):
        salt += 1
    return fence


def judge_prompt(frame: str, criterion: str, texts: Mapping[str, str]) -> tuple[str, str]:
    """Compose what a judge reads.

    Args:
        frame: template with {criterion}, {fence} and one placeholder for each of `texts`.
        criterion: what to judge by; trusted.
        texts: untrusted, by placeholder.

    Returns:
        The prompt, and the fence used in it.
    """
    harmless = {name: defuse(text) for name, text in texts.items()}
    fence = fence_for(harmless)
    blocks = {name: _block(name, text, fence) for name, text in harmless.items()}
    return fill(frame, {**blocks, "criterion": criterion, "fence": fence}), fence


def _block(name: str, text: str, fence: str) -> str:
    # reply_a is shown as REPLY A
    title = name.replace("_", " ").upper()
    return f"=== BEGIN {title} {fence} ===\n{text}\n=== END {title} {fence} ==="


def without_blocks(output: str, fence: str) -> str:
    """Return a judge's output less any fenced material it repeats (to the end if unclosed)."""
    block = rf"=== BEGIN [A-Z ]*{fence}.*?(?:=== END [A-Z ]*{fence} ===|\Z)"
    return re.sub(block, "", output, flags=re.DOTALL)
