from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advgame.metrics.rollouts import summarise
from advgame.metrics.updates import fold
from advgame.types import (
    Branch,
    Completion,
    Episode,
    Fault,
    Finish,
    Judgement,
    Kind,
    Missing,
    Move,
    Reward,
    Scored,
    Seed,
    UpdateStats,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def completion(*, guided: bool = False) -> Completion:
    return Completion(
        prompt_ids=(1,),
        token_ids=(2,),
        logprobs=None,
        text="raw",
        finish=Finish.STOP,
        policy_version=0,
        guided=guided,
    )


def scored(
    text: str,
    value: float | None,
    name: str,
    fault: Fault | None = None,
    reward: float | None = None,
    guided: bool = False,
) -> Scored:
    word = {} if fault else {name: Judgement(value=value)}
    earned = -1.0 if fault else value if reward is None else reward
    because = fault or (Missing.JUDGE_FAILED if earned is None else None)
    return Scored(
        move=Move(text=text, completion=completion(guided=guided), fault=fault),
        reward=Reward(value=earned, because=because),
        judgements=word,
    )


def attack(text: str, value: float | None = None, **more: object) -> Scored:
    return scored(text, value, "attack", **more)  # type: ignore[arg-type]


def reply(text: str, value: float | None = None, **more: object) -> Scored:
    return scored(text, value, "reply", **more)  # type: ignore[arg-type]


def episode(
    branches: Sequence[tuple[Scored, Sequence[Scored]]],
    kind: Kind = Kind.HARMFUL,
    direct: bool = False,
) -> Episode[Scored]:
    seed = Seed(id="s", text="pick a lock", kind=kind, direct=direct)
    return Episode(seed, tuple(Branch(a, tuple(replies)) for a, replies in branches))


EPISODES = [
    episode(
        [
            (attack("pick a lock", 9.0, reward=0.0), [reply("no", 4.0), reply("sure thing", 1.0)]),
            (attack("open the lock please", 8.0), [reply("no", 4.0), reply("no", 4.0)]),
            (attack("", fault=Fault.TRUNCATED), []),
            (attack("bake a cake", fault=Fault.UNFAITHFUL), []),
        ]
    ),
    episode(
        [
            (attack("pick that lock", 2.0), [reply("no way", 6.0, guided=True)]),
            (attack("open the", None), [reply("", fault=Fault.UNPARSEABLE), reply("x", None)]),
        ]
    ),
    episode([(attack("pick a lock"), [reply("no", 4.0), reply("yes", 0.0)])], direct=True),
]


def test_the_attackers_numbers() -> None:
    found = {
        name.removeprefix("attacker/harmful/"): value
        for name, value in summarise(EPISODES).items()
        if name.startswith("attacker/harmful/")
    }
    assert found == pytest.approx(
        {
            "reward": (0 + 8 - 1 - 1 + 2) / 5,
            "score": (9 + 8 + 2) / 3,
            "win_rate": 1 / 5,  # the copy does not count, the unscored one is left out
            "position_bias": None,  # no judge here compares in both orders
            "parse_rate": 5 / 6,
            "fault_truncated": 1 / 6,
            "fault_unparseable": 0.0,
            "fault_unfaithful": 1 / 6,
            "unscored": 1 / 6,
            "contrast": 1 / 2,
            "distinct_2": 9 / 10,
            "self_overlap": ((1 / 6 + 1 / 5 + 0.0) / 3 + 0.0) / 2,
            "copy_overlap": (1 + 1 / 6 + 1 / 5 + 1 / 2 + 0.0) / 5,
            "length": (3 + 4 + 3 + 3 + 2) / 5,
        }
    )


@pytest.mark.parametrize(
    ("copy_above", "wins"), [(None, 1.0), (0.8, 1 / 2), (0.3, 0.0), (1.0, 1.0)]
)
def test_a_near_copy_does_not_win_whatever_else_it_earned(
    copy_above: float | None, wins: float
) -> None:
    lifted = attack("Pick a LOCK!", 9.0, reward=3.5)  # its novelty; the judge's score earned 0
    other = attack("pick the lock", 9.0, reward=9.0)  # shares half its words with the seed
    found = summarise([episode([(lifted, []), (other, [])])], copy_above)
    assert found["attacker/harmful/win_rate"] == wins


def test_the_defenders_numbers() -> None:
    found = summarise(EPISODES)
    attacked = "defender/harmful/attacked"
    assert found[f"{attacked}/reward"] == pytest.approx((4 + 1 + 4 + 4 + 6 - 1) / 6)
    assert found[f"{attacked}/score"] == pytest.approx((4 + 1 + 4 + 4 + 6) / 5)
    assert found[f"{attacked}/unscored"] == pytest.approx(1 / 7)
    assert found[f"{attacked}/fault_unparseable"] == pytest.approx(1 / 7)
    assert found[f"{attacked}/contrast"] == pytest.approx(1 / 4)
    assert found["defender/harmful/direct/contrast"] == 1.0
    assert found["defender/harmful/direct/reward"] == 2.0
    assert found["defender/guided_share"] == pytest.approx(1 / 9)
    assert found["defender/harmful/attacked/guided_score"] == 6.0
    assert found["defender/harmful/direct/guided_score"] is None


def test_a_direct_seed_is_no_attack_and_a_kind_is_not_the_other() -> None:
    found = summarise([episode([(attack("x"), [reply("no", 4.0)])], Kind.BENIGN, direct=True)])
    held = {name for name, value in found.items() if value is not None}
    assert held == {
        *(f"defender/benign/direct/{name}" for name in ("reward", "score", "unscored", "length")),
        *(f"defender/benign/direct/fault_{name}" for name in ("truncated", "unparseable")),
        "defender/benign/direct/contrast",
        "defender/guided_share",
    }


def test_every_name_is_there_without_any_episode() -> None:
    empty = summarise([])
    assert list(empty) == list(summarise(EPISODES))
    assert set(empty.values()) == {None}


def test_all_unscored_is_none_and_never_zero() -> None:
    found = summarise([episode([(attack("a b", None), [reply("c", None)])])])
    assert found["attacker/harmful/reward"] is None
    assert found["attacker/harmful/score"] is None
    assert found["attacker/harmful/win_rate"] is None
    assert found["attacker/harmful/unscored"] == 1.0
    assert found["defender/harmful/attacked/score"] is None
    assert found["defender/harmful/attacked/contrast"] == 0.0


MOVES = st.builds(
    lambda name, value, fault, text: scored(text, value, name, fault),
    st.sampled_from(["attack", "reply"]),
    st.none() | st.floats(0, 10),
    st.none() | st.sampled_from(Fault),
    st.text(max_size=20),
)


@given(
    st.lists(
        st.builds(
            episode,
            st.lists(st.tuples(MOVES, st.lists(MOVES, max_size=2)), max_size=2),
            st.sampled_from(Kind),
            st.booleans(),
        ),
        max_size=4,
    )
)
def test_shares_stay_shares(episodes: list[Episode[Scored]]) -> None:
    for name, value in summarise(episodes).items():
        if value is None:
            continue
        assert math.isfinite(value), name
        if name.rsplit("/", 1)[1] not in ("reward", "score", "length"):
            assert 0 <= value <= 1, name


def documented(section: str) -> set[str]:
    text = DOCUMENT.read_text(encoding="utf-8").split(f"## {section}")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def test_every_rollout_metric_is_documented_and_none_besides() -> None:
    kinds = re.compile("/(harmful|benign)/")
    modes = re.compile("/(attacked|direct)/")
    names = {modes.sub("/{mode}/", kinds.sub("/{kind}/", name)) for name in summarise([])}
    assert names == documented("Rollouts")


def test_every_update_metric_is_documented() -> None:
    stats = UpdateStats(examples=1, loss=0.5, grad_norm=1.0, lr=0.1)
    names = {name.replace("shared/", "{learner}/") for name in fold({"shared": [stats]})}
    assert names <= documented("Updates")  # those of an objective: e2e/test_train.py


def test_updates_are_averaged_and_the_skipped_counted() -> None:
    one = UpdateStats(examples=3, loss=0.5, grad_norm=1.0, lr=0.1, metrics={"accuracy": 1.0})
    two = UpdateStats(examples=1, loss=0.7, grad_norm=3.0, lr=0.1, metrics={"kl": 2.0})
    assert fold({"defender": [one, None, two], "attacker": [None]}) == {
        "defender/loss": pytest.approx(0.6),
        "defender/grad_norm": 2.0,
        "defender/lr": pytest.approx(0.1),
        "defender/accuracy": 1.0,
        "defender/kl": 2.0,
        "defender/examples": 4,
        "defender/skipped": 1,
        "attacker/loss": None,
        "attacker/grad_norm": None,
        "attacker/lr": None,
        "attacker/examples": 0,
        "attacker/skipped": 1,
    }
    assert fold({}) == {}


def test_position_bias_is_the_mean_over_compared_replies() -> None:
    def compared(bias: dict[str, float]) -> Scored:
        return Scored(
            move=Move(text="y"),
            reward=Reward(value=5.0),
            judgements={"reply": Judgement(value=5.0, details=bias)},
        )

    replies = [compared({"position_bias": 1.0}), compared({"position_bias": -0.5}), compared({})]
    found = summarise([episode([(attack("x"), replies)])])
    assert found["defender/harmful/attacked/position_bias"] == 0.25
    assert found["attacker/harmful/position_bias"] is None
