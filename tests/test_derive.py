from hypothesis import given
from hypothesis import strategies as st

from advgame.derive import derive, digest

parts = st.lists(st.text() | st.integers(), max_size=4)


def test_is_the_same_everywhere() -> None:
    assert derive(0, "seeds", 3) == 4943756069429521907


@given(st.integers(), parts)
def test_fits_63_bits(run_seed: int, names: list[str | int]) -> None:
    assert 0 <= derive(run_seed, *names) < 2**63


@given(st.integers(), parts, st.integers(), parts)
def test_distinct_names_give_distinct_seeds(
    seed_a: int, a: list[str | int], seed_b: int, b: list[str | int]
) -> None:
    same = (seed_a, a) == (seed_b, b)
    assert (derive(seed_a, *a) == derive(seed_b, *b)) is same


def test_parts_do_not_run_together() -> None:
    assert len({derive(0, "a", "b"), derive(0, "ab"), derive(0, "a", 1), derive(0, "a", "1")}) == 4


def test_digest_tells_parts_apart_and_takes_any_text() -> None:
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")
    assert digest("\ud800") == digest("\ud800")
