from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from advgame.ahead import Ahead
from advgame.config import RunConfig
from advgame.config.players import GuideConfig
from advgame.config.root import PoolConfig
from advgame.rounds import guides_at
from advgame.schedule import (
    Fixed,
    Live,
    Past,
    ever_learns,
    learning_steps,
    snapshot_due,
    splits,
    turns,
    who_learns,
)
from advgame.types import Kind, Role

TYPES = ["joint", "sequential", "selfplay", "static", "attacker-only", "defender-only"]


def config(kind: str, **rest: object) -> RunConfig:
    return RunConfig.model_validate({"schedule": {"type": kind}, **rest})


def test_sequential_alternates_phases() -> None:
    made = RunConfig.model_validate(
        {"schedule": {"type": "sequential", "attacker_steps": 2, "defender_steps": 1}}
    )
    learns = [who_learns(made.schedule, step) for step in range(6)]
    attacker, defender = (Role.ATTACKER,), (Role.DEFENDER,)
    assert learns == [attacker, attacker, defender] * 2
    assert ever_learns(made.schedule) == (Role.ATTACKER, Role.DEFENDER)
    for steps in range(8):
        for role in Role:
            walked = sum(role in who_learns(made.schedule, step) for step in range(steps))
            assert learning_steps(made.schedule, role, steps) == walked
    assert learning_steps(made.schedule, Role.ATTACKER, 3 * 10**18) == 2 * 10**18  # no walk


def test_static_plays_fixed_attacks_and_teaches_the_defender() -> None:
    [turn] = turns(config("static"), 0)
    assert isinstance(turn.attacker, Fixed)
    assert isinstance(turn.defender, Live)
    assert turn.learns == (Role.DEFENDER,)


def test_direct_seeds_are_played_only_where_the_defender_learns() -> None:
    assert [turns(config(kind), 0)[0].direct for kind in TYPES] == [
        True, False, True, True, False, True,
    ]  # fmt: skip


@given(
    st.sampled_from(TYPES),
    st.integers(0, 60),
    st.floats(0, 1),
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(0, 40),
)
def test_turns_share_the_seeds_without_overlap(
    kind: str, step: int, share: float, every: int, size: int, count: int
) -> None:
    pool = PoolConfig(share=share, every=every, size=size)
    made = config(kind, pool=pool.model_dump())
    plan = turns(made, step)
    covered = [place for turn in plan for place in range(count)[turn.part(count)]]
    assert covered == list(range(count))
    for turn in plan:
        assert set(turn.learns) <= set(who_learns(made.schedule, step))
        for role, source in ((Role.ATTACKER, turn.attacker), (Role.DEFENDER, turn.defender)):
            if isinstance(source, Past):
                assert role not in turn.learns  # a past self never learns
                assert source.step < step
                assert snapshot_due(made, source.step)
    assert plan == turns(made, step)  # stateless


def test_players_join_a_pool_only_where_somebody_meets_them() -> None:
    pool = {"share": 0.5, "every": 2}
    assert [snapshot_due(config("joint", pool=pool), step) for step in (0, 1, 2)] == [
        True, False, True,
    ]  # fmt: skip
    for alone in ("static", "attacker-only", "defender-only"):  # whose opponent stays as it is
        assert not snapshot_due(config(alone, pool=pool), 0)
        assert len(turns(config(alone, pool=pool), 5)) == 1
    assert not snapshot_due(config("joint", pool={"share": 0.0}), 0)
    assert not snapshot_due(config("joint", pool=None), 0)


def test_one_seed_for_the_pool_goes_to_both_players_in_turn() -> None:
    made = config("joint", pool={"share": 0.25, "every": 1})
    taught = [
        turn.learns
        for step in (3, 4)
        for turn in turns(made, step)[1:]
        if range(4)[turn.part(4)]  # four attacked seeds, of which a quarter is one
    ]
    assert sorted(taught) == [(Role.ATTACKER,), (Role.DEFENDER,)]


def test_splits_cover_both_kinds() -> None:
    assert [set(each) for each in splits("split")] == [{Kind.HARMFUL}, {Kind.BENIGN}]
    assert [set(each) for each in splits("step")] == [{Kind.HARMFUL, Kind.BENIGN}]


def test_guides_anneal_to_none() -> None:
    guide = GuideConfig(harmful=4, benign=2, anneal_steps=10)
    counts = [guides_at(guide, step)[Kind.HARMFUL].count for step in (0, 5, 10, 99)]
    assert counts == [4, 2, 0, 0]
    assert guides_at(GuideConfig(harmful=3), 1000)[Kind.HARMFUL].count == 3


def test_ahead_plays_each_round_once_and_at_most_one_early() -> None:
    for lag in (0, 1):
        log: list[str] = []

        async def play(step: int, log: list[str] = log) -> int:
            log.append(f"play {step}")
            return step

        async def run(lag: int = lag, play=play, log: list[str] = log) -> None:
            ahead: Ahead[int] = Ahead(play, lag=lag, last=2)
            for step in range(3):
                assert await ahead.take(step) == step
                await ahead.settle()
                log.append(f"push {step}")
                assert ahead.pending == (step + 1 if lag and step < 2 else None)

        asyncio.run(run())
        early = ["play 0", "play 1", "push 0", "play 2", "push 1", "push 2"]
        on_time = ["play 0", "push 0", "play 1", "push 1", "play 2", "push 2"]
        assert log == (early if lag else on_time)


def test_a_pending_round_from_a_checkpoint_is_not_played_again() -> None:
    async def play(step: int) -> int:
        raise AssertionError("played again")

    async def run() -> None:
        ahead: Ahead[int] = Ahead(play, lag=1, last=3, pending=3)
        assert await ahead.take(3) == 3

    asyncio.run(run())
