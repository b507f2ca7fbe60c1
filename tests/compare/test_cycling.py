"""Matrices with and without circles."""

from __future__ import annotations

import numpy as np
import pytest

from advgame.compare.cycling import cycling

STEPS = (0, 10, 20, 30)


def play(probability, seeds: int = 400, size: int = len(STEPS)):
    """Outcomes of Attacker a against Defender d by the same luck for each seed."""
    luck = np.random.default_rng(0).random(seeds)
    return [
        [[bool(each < probability(a, d)) for each in luck] for d in range(size)]
        for a in range(size)
    ]


def test_players_that_only_get_stronger_neither_forget_nor_go_round() -> None:
    found = cycling(STEPS, play(lambda a, d: 0.5 + 0.1 * (a - d)), resamples=200)
    assert found["defender"]["mean"]["high"] < 0  # a later Defender holds better
    assert found["attacker"]["mean"]["high"] < 0  # a later Attacker wins more
    assert found["rounds"]["size"] < 0.1
    assert found["rounds"]["triples"] == []


@pytest.mark.parametrize("seeds_differ", [0.0, 1.5])
def test_strength_that_saturates_is_no_circle(seeds_differ: float) -> None:
    """Teams two log-odds apart: their rates end at 2% and 98%, where no difference adds up."""
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(10):
        hard = rng.normal(0, seeds_differ, 200)
        chance = [[1 / (1 + np.exp(2 * (d - a) + hard)) for d in range(3)] for a in range(3)]
        outcomes = [[[bool(each) for each in rng.random(200) < cell] for cell in row]
                    for row in chance]  # fmt: skip
        found = cycling(STEPS[:3], outcomes, resamples=200)["rounds"]
        seen += found["size"] > found["noise"]
        assert found["triples"] == []
    assert seen <= 2


def test_players_of_which_none_changes_a_seed_are_not_said_to_forget_nothing_for_certain() -> None:
    mean = cycling(STEPS, play(lambda a, d: 0.5, seeds=20), resamples=50)["defender"]["mean"]
    assert mean["value"] == 0
    assert mean["low"] < -0.1 and mean["high"] > 0.1


def test_a_defender_that_loses_what_it_held_has_forgotten() -> None:
    """Attacker 1 is held by Defender 1, and wins again against Defender 3."""
    found = cycling(STEPS, play(lambda a, d: 0.8 if (a, d) == (1, 3) else 0.2), resamples=50)
    worst = found["defender"]["worst"]
    assert (worst["earlier"], worst["later"]) == (10, 30)
    assert worst["low"] > 0.4
    assert found["defender"]["mean"]["value"] == pytest.approx(0.1, abs=0.03)


def test_an_attacker_that_no_longer_beats_an_old_defender_has_forgotten() -> None:
    found = cycling(STEPS, play(lambda a, d: 0.1 if (a, d) == (2, 0) else 0.6), resamples=50)
    worst = found["attacker"]["worst"]
    assert (worst["earlier"], worst["later"]) == (0, 20)
    assert worst["value"] == pytest.approx(0.5, abs=0.06)


def test_rock_paper_scissors_goes_round() -> None:
    def beats(a: int, d: int) -> float:
        return 0.5 + (0.3 if (a - d) % 3 == 1 else -0.3 if (a - d) % 3 == 2 else 0.0)

    found = cycling((0, 1, 2), play(beats, size=3), resamples=200)["rounds"]
    assert found["share"] > 0.95
    assert found["size"] == pytest.approx(2 * np.log(0.8 / 0.2), abs=0.5)  # both attack better
    assert found["size"] > 3 * found["noise"]
    assert len(found["triples"]) == 1
    assert sorted(found["triples"][0]["beats"]) == [0, 1, 2]
    first, second = found["triples"][0]["beats"][:2]
    assert (first - second) % 3 == 1


def test_noise_alone_is_told_as_noise() -> None:
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(20):
        outcomes = [
            [[bool(each) for each in rng.random(40) < 0.5 + 0.05 * (a - d)] for d in range(4)]
            for a in range(4)
        ]
        found = cycling(STEPS, outcomes, resamples=200)["rounds"]
        seen += found["size"] > found["noise"]
    assert seen <= 4  # five in a hundred are expected


def test_a_seed_that_one_cell_lacks_still_tells_of_the_others() -> None:
    """Two in a hundred unscored, in 121 cells: hardly a seed is scored in all of them."""
    rng = np.random.default_rng(1)
    steps = range(11)
    whole = play(lambda a, d: 0.5 + 0.03 * (a - d), seeds=100, size=len(steps))
    some = [[[None if rng.random() < 0.02 else each for each in cell] for cell in row]
            for row in whole]  # fmt: skip
    assert sum(all(cell[n] is not None for row in some for cell in row) for n in range(100)) < 20
    found, full = (cycling(steps, each, resamples=50)["rounds"] for each in (some, whole))
    assert found["seeds"] > 85 and full["seeds"] == 100
    assert found["size"] == pytest.approx(full["size"], abs=0.1)
    assert found["noise"] < 0.6


def test_unscored_seeds_are_left_out_and_two_steps_make_no_circle() -> None:
    outcomes = [[[True, None], [False, True]], [[None, None], [True, True]]]
    found = cycling((0, 5), outcomes, resamples=10)
    assert found["rounds"]["size"] is None
    assert found["defender"]["pairs"][0]["n"] == 1
    assert found["attacker"]["worst"] is None
    with pytest.raises(ValueError, match="expected 3"):
        cycling((0, 1, 2), outcomes)
