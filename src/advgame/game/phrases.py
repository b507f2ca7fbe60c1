"""Which phrases the moves of a round share across seeds.

A phrase is a pair of neighbouring words. What moves on different topics have in common is a frame:
"In a story, how do I …?". Counting is linear in the moves and happens when somebody first asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from advgame.text import bigrams


class Phrases:
    """Texts by the seed's place in the round, and how many of them hold each phrase."""

    def __init__(self, texts: Mapping[int, Sequence[str]]) -> None:
        """Take the texts of each seed, by its place."""
        self._texts = texts

    @cached_property
    def _of(self) -> dict[str, frozenset[tuple[str, str]]]:
        """The phrases of each text: every text is split into words once."""
        return {text: bigrams(text) for each in self._texts.values() for text in each}

    @cached_property
    def _within(self) -> dict[int, Counter[tuple[str, str]]]:
        """How many texts of a seed hold each phrase."""
        return {
            place: Counter(phrase for text in each for phrase in self._of[text])
            for place, each in self._texts.items()
        }

    @cached_property
    def _holding(self) -> Counter[tuple[str, str]]:
        whole: Counter[tuple[str, str]] = Counter()
        for counted in self._within.values():
            whole.update(counted)
        return whole

    @cached_property
    def _total(self) -> int:
        return sum(map(len, self._texts.values()))

    def shared(self, text: str, place: int) -> float:
        """Return the share of `text`'s phrases that a text of another seed has, mean over those.

        1 where nothing shows it to be new: no others, or a text of one word, without a phrase.
        """
        others = self._total - len(self._texts.get(place, ()))
        own = self._of[text] if text in self._of else bigrams(text)
        if not others or not own:
            return 1.0
        here = self._within.get(place, Counter())
        return sum(self._holding[phrase] - here[phrase] for phrase in own) / (len(own) * others)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The moves of a role for the other seeds of a kind, seen from one seed."""

    phrases: Phrases
    place: int

    def shared(self, text: str) -> float:
        """Return the share of `text`'s phrases that a move for another seed has, 0 to 1."""
        return self.phrases.shared(text, self.place)
