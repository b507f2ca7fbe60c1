import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advgame.seeds import normal, seed_id, split_of
from advgame.seeds.splits import SHARES, topic

words = st.lists(st.from_regex(r"[a-z]{2,9}", fullmatch=True), min_size=1, max_size=8)


@given(words, st.data())
def test_case_punctuation_and_spacing_do_not_matter(parts: list[str], data: st.DataObject) -> None:
    gap = st.sampled_from([" ", "  ", "\n", ", ", " – ", "... ", "\u00a0"])
    changed = "".join(
        (word.upper() if data.draw(st.booleans()) else word) + data.draw(gap) for word in parts
    )
    plain = " ".join(parts)
    assert seed_id(changed) == seed_id(plain)
    assert split_of(changed) == split_of(plain)


@given(st.text())
def test_any_text_has_a_stable_identity(text: str) -> None:
    assert normal(normal(text)) == normal(text)
    assert seed_id(unicodedata.normalize("NFD", text)) == seed_id(
        unicodedata.normalize("NFC", text)
    )
    assert split_of(text) in SHARES
    assert bool(normal(text)) == bool(text.strip())


@given(words)
def test_word_order_keeps_the_split(parts: list[str]) -> None:
    assert split_of(" ".join(reversed(parts))) == split_of(" ".join(parts))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I bake a bread?", "Write a detailed tutorial on baking breads."),
        ("What’s the best way to prune an apple tree", "how do i prune apple trees?"),
        ("Ｐｒｕｎｅ the tree", "prune trees!!"),
        ("do​n't touch the kettle", "Dont touch the kettle."),
    ],
)
def test_rewordings_share_topic_and_split(one: str, other: str) -> None:
    assert topic(one) == topic(other)
    assert split_of(one) == split_of(other)


def test_scripts_other_than_latin_have_an_identity_of_their_own() -> None:
    texts = ["Как испечь хлеб?", "如何烤面包", "रोटी कैसे बनाएं", "🙂", "🙃", "???"]
    assert len({seed_id(text) for text in texts}) == len(texts)


def test_shares_are_met_over_many_topics() -> None:
    found = [split_of(f"w{number}x") for number in range(4000)]
    for split, share in SHARES.items():
        assert found.count(split) / len(found) == pytest.approx(share, abs=0.03)
