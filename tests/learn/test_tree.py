"""The prefix tree keeps every sequence and computes no prefix twice."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from advgame.learn.tree import MIN_SHARED, Tree

# Few distinct tokens and a fixed opening, so that prefixes are often shared.
sequences = st.lists(
    st.lists(st.integers(0, 1), min_size=1, max_size=20).map(lambda tail: [9] * MIN_SHARED + tail),
    min_size=1,
    max_size=8,
)


@given(sequences)
def test_a_path_reads_its_sequence_back(many):
    tree = Tree()
    paths = [tree.add(one) for one in many]
    tokens, positions = tree.input_ids(), tree.positions()
    for one, path in zip(many, paths, strict=True):
        assert tokens[path].tolist() == one
        assert positions[path].tolist() == list(range(len(one)))


@given(sequences)
def test_each_distinct_prefix_is_computed_once(many):
    tree = Tree()
    for one in many:
        tree.add(one)
    prefixes = {tuple(one[: n + 1]) for one in many for n in range(len(one))}
    assert tree.tokens == len(prefixes)


@given(sequences)
def test_runs_tile_the_pack_and_end_their_paths(many):
    tree = Tree()
    for one in many:
        tree.add(one)
    assert [run.start for run in tree.runs] == [0, *(run.stop for run in tree.runs[:-1])]
    assert tree.runs[-1].stop == tree.tokens
    for run in tree.runs:
        own = np.arange(run.start, run.stop)
        assert np.array_equal(run.path[-len(own) :], own)
        assert bool((run.path[: -len(own)] < run.start).all())


def test_a_short_common_opening_is_not_shared():
    tree = Tree()
    tree.add([1, 2, 3, 4, 5, 6, 7, 8, 9])
    tree.add([1, 2, 3, 4, 5, 6, 7, 0, 9])
    assert tree.tokens == 18


def test_a_fork_grows_alone():
    tree = Tree()
    tree.add([1] * 10)
    tree.fork().add([2] * 10)
    assert tree.tokens == 10


def test_attended_pairs_of_a_shared_prompt():
    tree = Tree()
    tree.add([1] * 10 + [2] * 2)
    tree.add([1] * 10 + [3] * 3)
    assert [run.attended for run in tree.runs] == [12 * 13 // 2, 3 * 10 + 6]
