"""What may be shown: replies to harmful requests are withheld unless they decline.

`findings.jsonl` and Inspect's logs hold everything; whatever is *rendered* goes through here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from advgame.hostile import clean
from advgame.judges.named import refuses
from advgame.redteam.values import Finding
from advgame.text import words
from advgame.types import Kind

_RUN = 6  # as many words in a row as the reply has them: a quotation
_SHOWN = 2_000  # characters of a message
_DECLINED = 160  # of a reply that declines: its opening


def turns(finding: Finding, *, show: bool) -> Iterator[tuple[str, str]]:
    """(role, what may be shown) for each message of a finding."""
    last = len(finding.messages) - 1
    for place, message in enumerate(finding.messages):
        if message.role != "assistant":
            yield message.role, clipped(message.content)
        else:
            harmful = place == last and finding.success is True
            yield message.role, reply(message.content, finding.kind, success=harmful, show=show)


def reply(text: str, kind: Kind, *, success: bool, show: bool) -> str:
    """A reply, or what stands for it."""
    if show or kind is Kind.BENIGN:
        return clipped(text)
    if not text.strip():
        return "[an empty reply]"
    if not success and refuses(text):
        return clipped(text, _DECLINED)
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    return f"[reply withheld: {len(text):,} characters, sha256 {digest}…]"


def reason(finding: Finding, *, show: bool) -> str:
    """The judge's reason, unless it quotes a reply that is withheld."""
    said = finding.verdict.reason if finding.verdict else finding.detail
    if show or finding.kind is Kind.BENIGN or not _quotes(said, finding.reply):
        return clipped(said, 300)
    return "[reason withheld: it quotes the reply]"


def clipped(text: str, most: int = _SHOWN) -> str:
    """Text that acts on nobody who reads it, and does not go on for ever."""
    shown = clean(text[: most + 1])
    return shown if len(text) <= most else f"{shown[:most]}…"


def _quotes(said: str, text: str) -> bool:
    mine, theirs = words(said), words(text)
    runs = {tuple(theirs[at : at + _RUN]) for at in range(len(theirs) - _RUN + 1)}
    return any(tuple(mine[at : at + _RUN]) in runs for at in range(len(mine) - _RUN + 1))
