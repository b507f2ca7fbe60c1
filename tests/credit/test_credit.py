from __future__ import annotations

import pytest
from builders import completion, episodes, scored, seed
from hypothesis import given
from hypothesis import strategies as st

from advgame.config.players import AdvantagesConfig, KindGap, PairsConfig
from advgame.credit import build
from advgame.credit.pairs import shorten
from advgame.types import Branch, Credited, Episode, Fault, Finish, Kind, Pair, Role


def one_prompt(*rewards: float | None) -> list[Episode]:
    replies = tuple(scored(value, text=str(value)) for value in rewards)
    return [Episode(seed(), (Branch(scored(0.0), replies),))]


def test_argmax_against_argmin() -> None:
    [pair] = build(PairsConfig())(one_prompt(3.0, 9.0, 1.0), Role.DEFENDER)
    assert isinstance(pair, Pair)
    assert (pair.chosen.text, pair.rejected.text, pair.margin) == ("9.0", "1.0", 8.0)


def test_ties_and_missing_rewards_make_no_pair() -> None:
    credit = build(PairsConfig())
    assert credit(one_prompt(4.0, 4.0), Role.DEFENDER) == []
    assert credit(one_prompt(4.0, None), Role.DEFENDER) == []
    assert credit(one_prompt(4.0), Role.DEFENDER) == []
    assert credit(one_prompt(), Role.DEFENDER) == []


def test_a_move_made_twice_is_no_contrast() -> None:
    branches = tuple(Branch(scored(value, text="same"), ()) for value in (2.0, 8.0))
    other = Branch(scored(9.0, text="other"), ())
    found = build(PairsConfig(top=2))([Episode(seed(), (*branches, other))], Role.ATTACKER)
    assert [(x.chosen.text, x.rejected.text) for x in found] == [("other", "same")] * 2


def test_top_two_against_worst_two_never_pairs_a_reply_with_itself() -> None:
    found = build(PairsConfig(top=2))(one_prompt(1.0, 5.0, 9.0), Role.DEFENDER)
    texts = {(pair.chosen.text, pair.rejected.text) for pair in found}
    assert texts == {("9.0", "1.0"), ("9.0", "5.0"), ("5.0", "1.0")}


def test_gap_depends_on_the_kind() -> None:
    credit = build(PairsConfig(min_gap=KindGap(benign=5.0)))
    assert credit(one_prompt(1.0, 5.0), Role.DEFENDER) == []
    assert len(credit(one_prompt(1.0, 7.0), Role.DEFENDER)) == 1


def test_attacker_groups_run_over_the_prompts_of_a_seed() -> None:
    branches = tuple(Branch(scored(value, text=str(value)), ()) for value in (2.0, 8.0))
    [pair] = build(PairsConfig())([Episode(seed(), branches)], Role.ATTACKER)
    assert (pair.chosen.text, pair.rejected.text) == ("8.0", "2.0")


def test_a_truncated_rejected_side_is_cut_to_the_chosen_length() -> None:
    long = scored(-1.0, fault=Fault.TRUNCATED, tokens=9, finish=Finish.LENGTH)
    episode = Episode(seed(), (Branch(scored(0.0), (scored(5.0, tokens=4), long)),))
    [pair] = build(PairsConfig())([episode], Role.DEFENDER)
    assert len(pair.rejected.token_ids) == len(pair.rejected.logprobs or ()) == 4
    [pair] = build(PairsConfig(cut_truncated=False))([episode], Role.DEFENDER)
    assert len(pair.rejected.token_ids) == 9


def test_shorten_leaves_shorter_completions_alone() -> None:
    made = completion(3)
    assert shorten(made, 5) is made


@pytest.mark.parametrize(("faults", "expected"), [(True, [7.0, -3.0, -4.0]), (False, [7.0, -3.0])])
def test_a_fault_counts_in_the_baseline_and_is_trained_on(
    faults: bool, expected: list[float]
) -> None:
    replies = (scored(10.0), scored(0.0), scored(-1.0, fault=Fault.TRUNCATED))
    episode = Episode(seed(), (Branch(scored(0.0), replies),))
    found = build(AdvantagesConfig(train_on_faults=faults))([episode], Role.DEFENDER)
    assert [each.advantage for each in found if isinstance(each, Credited)] == expected


@given(st.lists(episodes(), max_size=4), st.sampled_from(list(Role)), st.integers(1, 3))
def test_pairs_always_prefer_more_reward(batch: list[Episode], role: Role, top: int) -> None:
    for pair in build(PairsConfig(top=top))(batch, role):
        assert isinstance(pair, Pair)
        assert pair.margin > 0
        assert pair.chosen is not pair.rejected
        if pair.rejected.finish is Finish.LENGTH:
            assert len(pair.rejected.token_ids) <= max(len(pair.chosen.token_ids), 1)


@given(st.lists(episodes(), max_size=4), st.sampled_from(list(Role)))
def test_advantages_sum_to_zero_over_their_baseline(batch: list[Episode], role: Role) -> None:
    found = build(AdvantagesConfig(baseline="step"))(batch, role)
    assert sum(each.advantage for each in found if isinstance(each, Credited)) == pytest.approx(
        0, abs=1e-9
    )
    for episode in batch:
        group = build(AdvantagesConfig(baseline="seed"))([episode], Role.ATTACKER)
        assert sum(each.advantage for each in group) == pytest.approx(0, abs=1e-9)


@given(st.lists(episodes(), max_size=4))
def test_a_missing_reward_is_never_trained_on(batch: list[Episode]) -> None:
    rewarded = sum(
        reply.reward.value is not None
        for episode in batch
        for branch in episode.branches
        for reply in branch.replies
    )
    assert len(build(AdvantagesConfig())(batch, Role.DEFENDER)) == rewarded


def test_the_baseline_is_of_the_step_or_of_one_group() -> None:
    made = [
        Episode(seed(str(n)), (Branch(scored(0.0), tuple(map(scored, row))),))
        for n, row in enumerate([(8.0, 10.0), (0.0, 2.0)])
    ]

    def found(baseline: str) -> list[float]:
        credit = build(AdvantagesConfig(baseline=baseline))
        return [each.advantage for each in credit(made, Role.DEFENDER)]

    assert found("seed") == [-1.0, 1.0, -1.0, 1.0]
    assert found("step") == [3.0, 5.0, -5.0, -3.0]


def test_the_gap_that_counts_is_that_of_the_kind() -> None:
    gap = KindGap(harmful=5.0, benign=0.0)
    made = {
        kind: Episode(seed("s", kind), (Branch(scored(0.0), (scored(8.0, tokens=2), scored(4.0))),))
        for kind in Kind
    }
    credit = build(PairsConfig(min_gap=gap))
    found = {kind: len(credit([each], Role.DEFENDER)) for kind, each in made.items()}
    assert found == {Kind.HARMFUL: 0, Kind.BENIGN: 1}
