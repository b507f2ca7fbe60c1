"""Pieces of a stream: together the text, and never a part of what a stop sequence hides."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advgame.serve.stream import Pieces, until

TEXTS = st.text(alphabet="ab#\n", max_size=12)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a loaded machine
@given(text=TEXTS, stops=st.lists(st.text(alphabet="ab#\n", min_size=1, max_size=4), max_size=3))
def test_pieces_make_the_text_up_to_the_first_stop(text: str, stops: list[str]) -> None:
    pieces = Pieces(stops)
    told = ""
    for end in range(len(text) + 1):
        told += pieces.grow(text[:end])
        assert until(text, stops)[0].startswith(told)  # nothing is ever taken back
    told += pieces.grow(text, last=True)
    assert (told, pieces.stopped) == until(text, stops)


def test_half_a_character_waits() -> None:
    pieces = Pieces()
    assert pieces.grow("a\ufffd") == "a"
    assert pieces.grow("aé") == "é"
    assert pieces.grow("aé\ufffd", last=True) == "\ufffd"
