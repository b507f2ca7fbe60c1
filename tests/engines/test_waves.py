import hypothesis.strategies as st
from hypothesis import given

from advgame.engines.waves import Group, Row, chunks, stems, waves
from advgame.types import Sampling

PROMPTS = st.lists(
    st.lists(st.integers(0, 1), min_size=2, max_size=40).map(tuple), min_size=1, max_size=12
)


def group(index, length, replies, tokens):
    sampling = Sampling(max_new_tokens=tokens)
    return Group((1,) * length, tuple(Row(index, r, r, sampling) for r in range(replies)))


@given(
    st.lists(
        st.tuples(st.integers(2, 50), st.integers(1, 6), st.integers(1, 20)), min_size=1, max_size=9
    ),
    st.integers(1, 200),
)
def test_waves_hold_every_row_once_within_the_budget(shapes, budget):
    groups = [group(index, *shape) for index, shape in enumerate(shapes)]
    made = list(waves(groups, budget))
    rows = [row for wave in made for g in wave for row in g.rows]
    wanted = [row for g in groups for row in g.rows]
    assert sorted(rows, key=hash) == sorted(wanted, key=hash)
    for wave in made:
        assert all(g.rows for g in wave)
        used = sum(len(g.prompt) for g in wave)
        used += sum(row.sampling.max_new_tokens for g in wave for row in g.rows)
        assert used <= budget or sum(len(g.rows) for g in wave) == 1


def test_a_long_prompt_does_not_pad_many_short_ones():
    """Keys and values are held [prompts, longest]: 60 prompts of 10 tokens and one of 2,000."""
    groups = [group(index, 10, 1, 10) for index in range(60)] + [group(60, 2_000, 1, 10)]
    made = list(waves(groups, 4_096))
    assert [len(wave) for wave in made] == [60, 1]
    assert len(list(waves(groups[:60], 1_200))) == 1  # like lengths: the budget alone decides


@given(PROMPTS, st.integers(1, 8))
def test_stems_are_shared_by_all_their_prompts_and_leave_two_tokens(prompts, least):
    found = stems(prompts, least)
    assert sorted(i for stem in found for i in stem.groups) == list(range(len(prompts)))
    for stem in found:
        assert len({prompts[i][: stem.length] for i in stem.groups}) == 1
        assert all(stem.length <= len(prompts[i]) - 2 for i in stem.groups)
        assert stem.length == 0 or stem.length >= least


def test_stems_split_by_system_prompt():
    plain, guided = (1,) * 20, (2,) * 30
    found = stems([(*plain, 3, 4), (*guided, 3, 4), (*plain, 5, 6, 7), (*guided, 9, 9)])
    assert [(stem.length, stem.groups) for stem in found] == [(20, (0, 2)), (30, (1, 3))]


def test_stems_take_the_longest_that_pay():
    """Prompts under a guide share the guide, not just what they share with all the others."""
    start, guide = (1,) * 20, (2,) * 150
    prompts = [(*start, *rest) for rest in ((3, 4), (5, 6, 7), (*guide, 3, 4), (*guide, 5, 6))]
    assert {(stem.length, stem.groups) for stem in stems(prompts)} == {(20, (0, 1)), (170, (2, 3))}


def test_chunks_of_unequal_lengths_are_not_padded_to_the_longest():
    lengths = [20] * 9 + [180] * 9
    assert sum(len(chunk) * max(lengths[i] for i in chunk) for chunk in chunks(lengths, 4096)) == (
        sum(lengths)
    )


@given(st.lists(st.integers(1, 50), max_size=20), st.integers(1, 200))
def test_chunks_hold_every_index_once_within_the_budget(lengths, budget):
    made = list(chunks(lengths, budget))
    assert sorted(i for chunk in made for i in chunk) == list(range(len(lengths)))
    for chunk in made:
        assert len(chunk) == 1 or len(chunk) * max(lengths[i] for i in chunk) <= budget
