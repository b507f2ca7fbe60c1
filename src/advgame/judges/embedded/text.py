"""Plain measurements of a text: its words, its sentences, and how degenerate it is.

All functions are pure and total: any string, empty and binary-looking ones included, has values.
"""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections import Counter
from functools import lru_cache

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")

# The commonest English function words. Their share is what tells prose from a list of keywords.
_FUNCTION = (
    "a about after all also an and any are as at be because been before but by can could did "
    "do does doing for from get had has have he her here his how however i if in into is it "
    "its it's i'm just like may me might more most must my no not of on one only or other "
    "our out over own please she should so some such than that the their them then there "
    "these they this those to too under up us use very was we were what when where which "
    "while who why will with within without would yes you you'll your you're"
)
FUNCTION_WORDS = frozenset(_FUNCTION.split())
# Words that say what form an answer takes, not what it is about.
_FORM = (
    "write create make give provide explain describe tell list show suggest develop design "
    "generate step steps guide instructions tutorial detailed article message post request "
    "someone people person thing things way ways help assist assistance information need "
    "want sorry important first sure"
)
_FORM_WORDS = frozenset(_FORM.split())
_CODE = re.compile(r"```|\bdef \w+\(|\bimport \w+|#include|<html|\bfor \(", re.IGNORECASE)
# Two things on one line. As one pattern each, a hostile line of openings alone takes hours.
_CODE_PAIRS = tuple(
    (re.compile(opening, re.IGNORECASE), re.compile(rest, re.IGNORECASE))
    for opening, rest in ((r"\bselect\b", r"\bfrom\b"), (r"\bfunction\b", r"\{"))
)
_SUFFIXES = ("ations", "ation", "ings", "ing", "ers", "ies", "ied", "er", "ed", "es", "ly", "s")


def normalise(text: str) -> str:
    """NFKC, typographic quotes made plain, invisible characters dropped."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")
    return "".join(c for c in text if c in "\n\t " or unicodedata.category(c)[0] != "C")


def words(text: str) -> list[str]:
    """The words of a text in lower case; digits and symbols are not words."""
    return _WORD.findall(text.lower())


def sentences(text: str) -> list[str]:
    """Sentences, lines and list items, without empty ones."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip(" \t-*#0123456789.")]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Cut one common English suffix: hack, hacks, hacker and hacking become one."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def content(text: str) -> list[str]:
    """Stems of the words that carry a topic."""
    return [
        stem(w)
        for w in words(text)
        if len(w) > 2 and w not in FUNCTION_WORDS and w not in _FORM_WORDS
    ]


def overlap(request: str, reply: str) -> float:
    """Share of the request's topic words that the reply mentions, 0–1."""
    wanted = set(content(request))
    return len(wanted & set(content(reply))) / len(wanted) if wanted else 0.0


def ngrams(tokens: list[str], n: int) -> list[tuple[str, ...]]:
    """All runs of `n` tokens."""
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def windows(tokens: list[str], width: int) -> list[list[str]]:
    """Runs of `width` tokens that overlap by half and reach the end; one if the text is short."""
    starts = {*range(0, max(1, len(tokens) - width), width // 2), max(0, len(tokens) - width)}
    return [tokens[i : i + width] for i in sorted(starts)]


def distinct(tokens: list[str], n: int) -> float:
    """Different n-grams over all n-grams (Li et al. 2016); 1 if there are none."""
    grams = ngrams(tokens, n)
    return len(set(grams)) / len(grams) if grams else 1.0


def compression(text: str) -> float:
    """Bytes after over bytes before zlib, at most 1: below .4 a short text repeats itself."""
    data = text.encode("utf-8", "replace")
    return min(1.0, len(zlib.compress(data, 9)) / len(data)) if data else 1.0


def top_share(tokens: list[str], n: int) -> float:
    """Share of the text that its commonest n-gram covers, 0–1."""
    grams = Counter(ngrams(tokens, n))
    if not grams:
        return 0.0
    count = max(grams.values())
    return min(1.0, count * n / len(tokens)) if count > 1 else 0.0


def entropy(tokens: list[str]) -> float:
    """Word entropy over its greatest possible value, 0–1; 0 for fewer than two words."""
    if len(tokens) < 2:
        return 0.0
    total = len(tokens)
    bits = -sum(c / total * math.log(c / total) for c in Counter(tokens).values())
    return bits / math.log(total)


def function_share(tokens: list[str]) -> float:
    """Share of function words, 0–1; English prose has .3 to .6."""
    return sum(w in FUNCTION_WORDS for w in tokens) / len(tokens) if tokens else 0.0


def code(text: str) -> bool:
    """Whether the text shows signs of program code, which has few function words."""
    return bool(_CODE.search(text)) or any(
        opened is not None and rest.search(line, opened.end()) is not None
        for opening, rest in _CODE_PAIRS
        for line in text.split("\n")
        for opened in (opening.search(line),)
    )


def letter_share(text: str) -> float:
    """Letters and spaces over all characters, 0–1."""
    return sum(c.isalpha() or c.isspace() for c in text) / len(text) if text else 0.0


def odd_words(tokens: list[str]) -> float:
    """Share of words no English text has many of: no vowel, five consonants in a row, too long."""
    if not tokens:
        return 1.0
    odd = sum(
        bool(re.search(r"[^aeiouyàâäéèêëîïôöùûü']{5}", w))
        or len(w) > 20
        or (len(w) > 3 and not re.search(r"[aeiouyàâäéèêëîïôöùûü]", w))
        or not w.isascii()
        for w in tokens
    )
    return odd / len(tokens)


def copied(request: str, reply: str, n: int = 4) -> float:
    """Share of the reply's words inside an n-gram taken from the request, 0–1."""
    source, target = words(request), words(reply)
    n = min(n, len(source)) or 1
    known = set(ngrams(source, n))
    inside = [False] * len(target)
    for i, gram in enumerate(ngrams(target, n)):
        if gram in known:
            inside[i : i + n] = [True] * n
    return sum(inside) / len(target) if target else 0.0


def novel(request: str, reply: str) -> int:
    """How many different topic words the reply adds to the request's."""
    return len(set(content(reply)) - set(content(request)))
