import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advgame.hostile import clean


def test_rows_of_openings_are_read_once() -> None:
    """A mebibyte of them took hours where each was followed to the end."""
    assert clean("\x90" * 500_000 + "a") == "⟨U+0090⟩" * 500_000 + "a"
    assert clean("\x1b]" * 500_000) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("naïve 漢字 🙂", "naïve 漢字 🙂"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x1bcreset", "reset"),
        ("unterminated \x1b]0;rest", "unterminated 0;rest"),
        ("\x1b\x1b[31m[31m", "␛[31m"),
        ("bell\x07 back\x08", "bell␇ back␈"),
        ("over\rwrite", "over␍write"),
        ("dos\r\n", "dos\n"),
        ("\u202eevil\u202c", "⟨U+202E⟩evil⟨U+202C⟩"),
        ("\u2066x\u2069", "⟨U+2066⟩x⟨U+2069⟩"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("smuggled\U000e0101", "smuggled⟨U+E0101⟩"),
        ("line\u2028break", "line⟨U+2028⟩break"),
        ("lone\ud800", "lone⟨U+D800⟩"),
        ("<script>{{x}}</script>", "<script>{{x}}</script>"),
    ],
)
def test_shows_what_hides(text: str, shown: str) -> None:
    assert clean(text) == shown


HOSTILE = st.text(
    st.one_of(st.sampled_from("\x1b\x9b\x9d[]0;m\x07\\\r\n\u202e\u200d\ud83d"), st.characters())
)


@given(HOSTILE)
def test_result_is_inert_encodable_and_stable(text: str) -> None:
    shown = clean(text)
    shown.encode()
    assert all(
        c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in shown
    )
    assert clean(shown) == shown
