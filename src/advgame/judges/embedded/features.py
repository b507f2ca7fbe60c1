"""What a judge knows of a (request, reply) pair before any head is applied.

A view is a row of blocks; a head reads some of them:

    reply     e(y)                               [384]
    part      e(opening of y) | e(ending of y)   [384]   judge a | judge b
    tail      e(what does not decline) [384]
    product   e(s) * e(y)                        [384]
    hashed    word 1- and 2-grams of the start   [HASHED]  judge b
    text      the named numbers of TEXT_FEATURES

e is the sentence encoder. Judge a sees meaning in context, judge b the reply alone and its words.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from advgame.judges.embedded import text as t
from advgame.judges.embedded.stance import OPENING_CHARS, Style, cues, declines
from advgame.protocols import Embedder

Floats: TypeAlias = NDArray[np.float32]

MOSTLY = 0.6  # a sentence that copies this share of its words from the request adds nothing
WINDOW = 80  # words in which repetition is measured: n-grams repeat more in longer texts
HASHED = 2048
HASHED_WORDS = 40  # n-grams of the first words only: where stance shows
_SURFACE = ("words", "function_share", "copied", "novel", "code")
QUALITY = {
    "a": (*_SURFACE, "distinct_2", "compression", "odd_words"),
    "b": (*_SURFACE, "entropy", "distinct_3", "top_share", "letter_share"),
}
TOPIC = {
    "a": ("cos_reply", "cos_part", "overlap"),
    "b": ("cos_reply", "cos_part", "overlap", "novel"),
}
STANCE = ("declines_opening", "declines", "warns_opening", "warns", "redirects", "agrees")
REDIRECT = ("redirects_tail", "cos_tail", "overlap_tail", "words_tail", "novel_tail", "warns")
TEXT_FEATURES = tuple(
    dict.fromkeys((*STANCE, *QUALITY["a"], *QUALITY["b"], *TOPIC["a"], *TOPIC["b"], *REDIRECT))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A reply cut into what the judge looks at."""

    reply: str
    part: str  # the first sentence (a) or the second half (b)
    tail: str  # the sentences that neither decline nor repeat the request


def parts(request: str, reply: str, style: Style) -> Parts:
    """Cut a reply. Empty parts fall back to the whole."""
    reply = t.normalise(reply).strip()
    lines = t.sentences(reply)
    if style == "a":
        part = lines[0][:OPENING_CHARS] if lines else reply
    else:
        tokens = reply.split()
        part = " ".join(tokens[len(tokens) // 2 :])
    kept = [x for x in lines if not declines(x, style) and t.copied(request, x) < MOSTLY]
    tail = " ".join(kept)
    return Parts(reply=reply, part=part or reply, tail=tail)


def read_texts(request: str, reply: str, style: Style) -> list[str]:
    """The different texts that are encoded to judge a reply."""
    cut = parts(request, reply, style)
    return list(dict.fromkeys((t.normalise(request).strip(), cut.reply, cut.part, cut.tail)))


def hashed(reply: str) -> Floats:
    """Unit vector `[HASHED]` of hashed word 1- and 2-grams (crc32: the same everywhere)."""
    tokens = t.words(reply)[:HASHED_WORDS]
    row = np.zeros(HASHED, np.float32)
    for gram in (*t.ngrams(tokens, 1), *t.ngrams(tokens, 2)):
        row[zlib.crc32(" ".join(gram).encode()) % HASHED] = 1.0
    norm = float(np.linalg.norm(row))
    return row / norm if norm else row


def numbers(request: str, cut: Parts, cosines: tuple[float, float, float], style: Style) -> Floats:
    """The values of TEXT_FEATURES, `[len(TEXT_FEATURES)]`.

    `cosines` are those of the request with reply, part and tail. Counts are capped and lengths
    saturate, so that no feature grows without bound with the text; repetition counts below what
    ordinary short replies show.
    """
    reply, start = cut.reply, cut.reply[:OPENING_CHARS]
    tokens = t.words(reply)
    spans = t.windows(tokens, WINDOW)
    values = {
        "declines_opening": min(2, declines(start, style)),
        "declines": min(2, declines(reply, style)),
        "warns_opening": min(2, cues("warns", start, style)),
        "warns": min(4, cues("warns", reply, style)),
        "redirects": min(4, cues("redirects", reply, style)),
        "agrees": min(1, cues("agrees", start, style)),
        "words": math.log1p(min(len(tokens), 30)),
        "distinct_2": min(0.85, *(t.distinct(x, 2) for x in spans)),
        "distinct_3": min(0.9, *(t.distinct(x, 3) for x in spans)),
        "compression": min(0.65, t.compression(reply[:400]), t.compression(reply[-400:])),
        "function_share": min(0.4, t.function_share(tokens)),
        "odd_words": t.odd_words(tokens),
        "copied": t.copied(request, reply),
        "novel": min(12, t.novel(request, reply)),
        "entropy": min(t.entropy(x) for x in spans),
        "top_share": max(t.top_share(x, 3) for x in spans),
        "letter_share": t.letter_share(reply),
        "code": float(t.code(reply)),
        "cos_reply": cosines[0],
        "cos_part": cosines[1],
        "overlap": t.overlap(request, reply),
        "redirects_tail": min(3, cues("redirects", cut.tail, style)),
        "cos_tail": cosines[2],
        "overlap_tail": t.overlap(request, cut.tail),
        "words_tail": math.log1p(min(len(t.words(cut.tail)), 30)),
        "novel_tail": min(12, t.novel(request, cut.tail)),
    }
    return np.array([values[name] for name in TEXT_FEATURES], np.float32)


def view(pairs: Sequence[tuple[str, str]], embedder: Embedder, style: Style) -> dict[str, Floats]:
    """All blocks of (request, reply) pairs, each `[len(pairs), width]`."""
    cuts = [parts(request, reply, style) for request, reply in pairs]
    requests = [t.normalise(request).strip() for request, _ in pairs]
    texts = [x for r, c in zip(requests, cuts, strict=True) for x in (r, c.reply, c.part, c.tail)]
    rows = np.asarray(embedder.embed(texts), np.float32).reshape(len(pairs), 4, -1)
    e_request, e_reply, e_part, e_tail = (rows[:, i] for i in range(4))
    cosines = np.stack([(e_request * e).sum(-1) for e in (e_reply, e_part, e_tail)], -1)
    features = [
        numbers(r, c, (float(x[0]), float(x[1]), float(x[2])), style)
        for r, c, x in zip(requests, cuts, cosines, strict=True)
    ]
    return {
        "reply": e_reply,
        "part": e_part,
        "tail": e_tail,
        "product": e_request * e_reply,
        "hashed": np.stack([hashed(c.reply) for c in cuts]),
        "text": np.stack(features),
    }
