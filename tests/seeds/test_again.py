from __future__ import annotations

from dataclasses import replace

import pytest
from builders import scored, seed

from advgame.config import RunConfig, load
from advgame.rounds import looked_at, turn_seeds
from advgame.schedule import turns
from advgame.seeds.again import WITHIN, Met, met, wrong
from advgame.seeds.load import SeedPool
from advgame.types import Branch, Episode, Judgement, Kind, Scored, Seed


def reply(score: float | None, *, guided: bool = False) -> Scored:
    return replace(scored(score, guided=guided), judgements={"reply": Judgement(value=score)})


def episode(one: Seed, *replies: Scored) -> Episode[Scored]:
    return Episode(one, (Branch(scored(0.0), replies),))


def test_a_seed_is_as_wrong_as_the_share_of_own_replies_that_failed() -> None:
    half = seed("half", direct=True)
    found = met(
        [
            episode(half, reply(1.0), reply(9.0), reply(None), reply(0.0, guided=True)),
            episode(seed("attacked"), reply(0.0)),
            episode(seed("unscored", direct=True), reply(None)),
            episode(seed("at the limit", direct=True), reply(4.9), reply(0.0), scored(0.0)),
            episode(seed("all right", direct=True), reply(5.0)),
        ]
    )
    assert [(one.seed.text, one.wrong) for one in found] == [
        ("half", 0.5),
        ("at the limit", 1.0),
        ("all right", 0.0),
    ]
    assert found[0].seed is half


def test_those_that_fail_most_come_first_then_those_that_wait_longest() -> None:
    def one(text: str, share: float, kind: Kind = Kind.BENIGN) -> Met:
        return Met(seed(text, kind, direct=True), share)

    steps = [
        [one("old", 1.0), one("mended", 1.0), one("seldom", 0.3), one("worse", 0.3)],
        [one("mended", 0.0), one("worse", 1.0), one("bad", 1.0, Kind.HARMFUL), one("fine", 0.0)],
    ]
    assert [each.text for each in wrong(steps, Kind.BENIGN, 9)] == ["old", "worse", "seldom"]
    assert [each.text for each in wrong(steps, Kind.BENIGN, 1)] == ["old"]
    assert [each.text for each in wrong(steps, Kind.HARMFUL, 9)] == ["bad"]
    assert wrong(steps, Kind.HARMFUL, 0) == wrong([], Kind.BENIGN, 9) == ()


def config(lag: int = 0, again: int = 2) -> RunConfig:
    counts = f"direct: {{harmful: 0, benign: 4}}, again: {{benign: {again}}}"
    seeds = f"seeds={{attacked: {{harmful: 1}}, {counts}}}"
    return load("tiny", [seeds, f"train.lag={lag}"])


def drawn(recent: list[list[Met]], size: int) -> list[Seed]:
    made, pool = config(), tuple(seed(f"{n}") for n in range(size))
    harmful = (seed("harmful", Kind.HARMFUL),)
    (turn,) = turns(made, 3)
    found = turn_seeds(made, SeedPool(harmful=harmful, benign=pool), turn, 3, recent)
    return [each for each in found if each.direct]


@pytest.mark.parametrize("size", [4, 9, 30])
def test_what_comes_back_is_among_the_direct_seeds_and_once(size: int) -> None:
    due = drawn([], size)
    again = [Met(replace(seed(f"{n}"), direct=True), 1.0) for n in range(3)]
    found = drawn([again], size)
    assert found[-2:] == [each.seed for each in again[:2]]
    assert len({each.id for each in found}) == len(found) == len(due) == 4
    assert [each for each in found if each in due][:2] == [
        each for each in due if each not in found[-2:]
    ][:2]


@pytest.mark.parametrize("size", [3, 10])
def test_as_many_come_where_one_epoch_ends_and_the_next_begins(size: int) -> None:
    pool = SeedPool(
        harmful=(seed("harmful", Kind.HARMFUL),), benign=tuple(seed(f"{n}") for n in range(size))
    )
    made, twice = config(), 0
    for step in range(40):
        (turn,) = turns(made, step)
        due = [each for each in turn_seeds(made, pool, turn, step) if each.direct]
        again = [[Met(each, 1.0) for each in due[:1]]]
        found = [each for each in turn_seeds(made, pool, turn, step, again) if each.direct]
        assert len(found) == len(due) == 4
        assert due[0] in found
        twice += due.count(due[0]) > 1
    assert twice  # it was met


def test_a_round_looks_at_steps_that_are_written_when_it_begins() -> None:
    assert [looked_at(config(), step) for step in (0, 1, 2)] == [range(0), range(1), range(2)]
    assert looked_at(config(), 20) == range(20 - WITHIN, 20)
    assert looked_at(config(lag=1), 20) == range(19 - WITHIN, 19)
    assert not looked_at(config(lag=1), 1)
    assert not looked_at(config(again=0), 20)  # and reads nothing where nothing comes back


def test_a_judge_that_compares_tells_no_failure() -> None:
    judge = "judges.defender={type: embedded, name: a, mode: pairwise}"
    assert looked_at(load("laptop"), 20)
    assert not looked_at(load("laptop", [judge]), 20)


def test_no_more_come_back_than_are_direct() -> None:
    made = config(again=9)
    pool = SeedPool(
        harmful=(seed("harmful", Kind.HARMFUL),), benign=tuple(seed(f"{n}") for n in range(20))
    )
    (turn,) = turns(made, 3)
    failed = [[Met(each, 1.0) for each in pool.benign]]
    found = [each for each in turn_seeds(made, pool, turn, 3, failed) if each.direct]
    assert len({each.id for each in found}) == len(found) == 4
