"""Comparing texts by their words. Pure Python, shared by the game, the judges and the metrics.

Normalisation undoes what would hide a copy without changing how it reads: case, compatibility
forms (full width, ligatures), invisible format characters, punctuation and spacing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise

# Soft hyphen, zero-width and bidi controls, variation selectors, byte-order mark, tag characters.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e007f]"
)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words(text: str) -> list[str]:
    """Return the words of `text` in order, normalised. A word is a run of letters or digits."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).replace("\u2019", "'")
    return _WORD.findall(text.casefold())


def normalise(text: str) -> str:
    """Return the words of `text` joined by single spaces: equal iff the texts have equal words."""
    return " ".join(words(text))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Return |a ∩ b| / |a ∪ b|, and 1 for two empty sets."""
    shared = len(a & b)
    union = len(a) + len(b) - shared
    return shared / union if union else 1.0


def word_overlap(a: str, b: str) -> float:
    """Return the share of distinct words that two texts have in common, 0 to 1 (Jaccard).

    Symmetric; 1 for texts of the same words in any order and for two texts without a word.
    """
    return jaccard(frozenset(words(a)), frozenset(words(b)))


def near_copy(text: str, seed: str, above: float | None) -> bool:
    """Whether `word_overlap` of the two exceeds `above`; with None nothing is a copy."""
    return above is not None and word_overlap(text, seed) > above


def bigrams(text: str) -> frozenset[tuple[str, str]]:
    """Return the distinct pairs of neighbouring words of `text`, normalised."""
    return frozenset(pairwise(words(text)))


def distinct_n(texts: Iterable[str], n: int = 2) -> float | None:
    """Return distinct n-grams / all n-grams of words, pooled over `texts`: 1 = no phrase twice.

    The pooled form of Li et al. 2016 (arXiv 1510.03055). It falls with the amount of text, so
    compare equal numbers of texts. None where no text has `n` words. Raises ValueError for n < 1.
    """
    return distinct_grams(map(words, texts), n)


def distinct_grams(texts: Iterable[Sequence[str]], n: int = 2) -> float | None:
    """`distinct_n` of texts that are split into `words` already."""
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    seen: set[tuple[str, ...]] = set()
    total = 0
    for tokens in texts:
        seen.update(zip(*(tokens[i:] for i in range(n)), strict=False))
        total += max(0, len(tokens) - n + 1)
    return len(seen) / total if total else None


def self_overlap(texts: Iterable[Sequence[str]]) -> float | None:
    """Return the mean word overlap (Jaccard) over all pairs of `texts`; None for fewer than two.

    Args:
        texts: The `words` of each text.
    """
    pairs = [jaccard(a, b) for a, b in combinations(map(frozenset, texts), 2)]
    return sum(pairs) / len(pairs) if pairs else None
