from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advgame.text import (
    distinct_n,
    normalise,
    self_overlap,
    word_overlap,
)

TEXT = st.text(max_size=30) | st.lists(st.sampled_from(["lock", "pick", "Don't", "!"])).map(
    " ".join
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don\u2019t  STOP!", "don't stop"),
        ("\uff30\uff49\uff43\uff4b \ufb01ne", "pick fine"),  # full width, ligature
        ("lo\u200bck lo\u00adck \u202elock\u202c", "lock lock lock"),
        ("a_b-c", "a b c"),
        ("Straße", "strasse"),
        (" \n\t!?", ""),
        ("\U0001f525", ""),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text) == expected


@given(TEXT)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("How to bake?", "bake HOW to", 1.0),
        ("pick a lock", "bake the cake", 0.0),
        ("pick a lock", "pick a door", 0.5),
        ("pick a lock", "", 0.0),
        ("", "", 1.0),
    ],
)
def test_word_overlap(a: str, b: str, expected: float) -> None:
    assert word_overlap(a, b) == expected


@given(TEXT, TEXT)
def test_word_overlap_is_a_symmetric_share(a: str, b: str) -> None:
    assert word_overlap(a, b) == word_overlap(b, a)
    assert 0 <= word_overlap(a, b) <= 1
    assert word_overlap(a, a) == 1


def test_distinct_n() -> None:
    assert distinct_n(["a b c"], 2) == 1.0
    assert distinct_n(["a b", "A, b!", "a b", "a b"], 2) == 0.25
    assert distinct_n(["a a a a"], 1) == 0.25
    assert distinct_n(["a b a b"], 2) == pytest.approx(2 / 3)
    assert distinct_n(["a", ""], 2) is None
    assert distinct_n([], 2) is None
    with pytest.raises(ValueError, match="at least 1"):
        distinct_n(["a"], 0)


def test_self_overlap() -> None:
    assert self_overlap([["a", "b"], ["b", "a"], ["c", "d"]]) == pytest.approx(1 / 3)
    assert self_overlap([["a"]]) is None
