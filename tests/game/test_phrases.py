from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advgame.game.phrases import Phrases
from advgame.text import bigrams

TEXT = st.lists(st.sampled_from("abcd"), max_size=6).map(" ".join)


def test_the_share_of_phrases_that_other_seeds_have() -> None:
    texts = Phrases({0: ["In a story, fly!"], 1: ["in a story throw", "a story"]})
    assert texts.shared("In a story, fly!", 0) == 0.5  # (2 + 1) of 3 phrases × 2 texts
    assert texts.shared("c b a", 0) == 0.0
    assert texts.shared("no", 0) == 1.0
    assert Phrases({0: ["a b"]}).shared("a b", 0) == 1.0


@given(st.lists(st.lists(TEXT, max_size=4), min_size=1, max_size=4), TEXT)
def test_counting_equals_comparing_each_with_each(round_: list[list[str]], text: str) -> None:
    others = [bigrams(other) for texts in round_[1:] for other in texts]
    own = bigrams(text)
    expected = 1.0
    if others and own:
        expected = sum(len(own & other) for other in others) / (len(own) * len(others))
    assert Phrases(dict(enumerate(round_))).shared(text, 0) == pytest.approx(expected)
