"""Identity of a text, and which split it belongs to.

Both are functions of the text alone. So a text keeps its id and its split whatever sets are
loaded beside it, and a seed that some run trains on is never a test seed of another.

    identity  NFKC, casefolded, punctuation and spacing dropped: the same words in the same order;
              of a text in a scene, with the words of the scene
    topic     the *set* of its content words, roughly stemmed, without the words that only carry
              a request ("write a step-by-step tutorial on how to …")

The split is a min-hash of the topic (Broder 1997): that of its word with the least hash. Two texts
get the same split with a probability of at least |A∩B| / |A∪B| of their topics, and surely when the
topics are equal ("Write a tutorial on baking bread", "Give me a guide to bake a bread"). A
paraphrase in other words is not seen and may land elsewhere.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Final

from advgame.types import Scene, Split

SHARES: Final[dict[Split, float]] = {"train": 0.4, "validation": 0.3, "test": 0.3}

_CARRIERS = """
a an the this that these those and or but if so of on in to for from by with at as into about over
under it its be is are was were been am do does did done have has had can could should would will
shall may might must i me my we us our you your he him his she her they them their who whom whose
what which when where why how there here some any each every all one please tell help need want
like wish let get got make made use used using way ways best good great new simple short detailed
brief complete comprehensive specific effective effectively successfully explain describe write
create develop provide give show teach suggest generate produce compose outline list draft design
construct demonstrate instruct instructions instruction tutorial guide manual steps step stepbystep
plan strategy method methods technique techniques tips advice information info details article blog
post text speech message script program code story letter email essay paragraph example examples
idea ideas recommend convince persuade promote encourage someone something people person others
without while being not just also more most very really
"""


class _Spaced(dict[int, str]):
    """What each character becomes in the normal form, filled in as characters are met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if char in "'’" or category == "Cf":  # apostrophes, invisible: join what they stand in
            new = ""
        else:
            new = char if char.isalnum() or category.startswith("M") else " "
        self[code] = new
        return new


_SPACED = _Spaced()


def normal(text: str) -> str:
    """Return the normal form that two copies of a text share; empty for a blank text."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.translate(_SPACED).split()) or " ".join(folded.split())


def seed_id(text: str) -> str:
    """Return the stable id of a text: 12 hexadecimal digits of the SHA-256 of its normal form."""
    return hashlib.sha256(normal(text).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def scene_id(text: str, scene: Scene) -> str:
    """Return the stable id of a text in a scene: in another one it is another seed."""
    return seed_id(
        "\n".join((text, scene.before, scene.after, *scene.answers, scene.canary, scene.call))
    )


def topic(text: str) -> str:
    """Return the sorted content words of a text, or its normal form if it has none."""
    plain = normal(text)
    words = {_stem(word) for word in plain.split()} - _DROPPED
    return " ".join(sorted(words)) or plain


def split_of(text: str) -> Split:
    """Return the split of a text, in the proportions `SHARES` over many topics."""
    least = min(topic(text).split(), key=lambda word: _uniform("order", word), default="")
    return split_at(_uniform("place", least))


def split_at(position: float) -> Split:
    """Return the split that holds `position` of [0, 1)."""
    if position < SHARES["train"]:
        return "train"
    return "validation" if position < SHARES["train"] + SHARES["validation"] else "test"


def _uniform(use: str, word: str) -> float:
    """Hash a word to [0, 1); independent for each use."""
    data = f"{use}:{word}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=6).digest(), "big") / 2**48


def _stem(word: str) -> str:
    """Cut the common English endings: making, makes, make → mak."""
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(ending)
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


_DROPPED: Final = frozenset(_stem(word) for word in _CARRIERS.split())
