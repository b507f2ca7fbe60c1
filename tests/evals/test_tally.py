"""Rates over seeds from the outcomes of single attempts."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advgame.compare.fronts import fixed_tasks
from advgame.errors import ConfigError
from advgame.evals.against import asked_otherwise, comparable, differences
from advgame.evals.catalog import get_task
from advgame.evals.questions import Question
from advgame.evals.tally import Row, difference, rates, within
from advgame.metrics.intervals import by_seed, known_success
from advgame.types import Kind, Seed

ROWS: list[Row] = [
    ("a", 0, False), ("a", 1, True),
    ("b", 0, False), ("b", 1, False),
    ("c", 0, False), ("c", 1, None),
    ("d", 0, None), ("d", 1, True),
]  # fmt: skip


def test_any_attempt_counts_and_unscored_is_no_failure() -> None:
    assert {**by_seed(ROWS)}.items() >= {"value": 1 / 2, "n": 2, "unscored": 2}.items()
    assert by_seed(ROWS) == within(ROWS, 2)
    found = by_seed(ROWS, one_of=known_success)  # d is broken, whatever its first attempt was
    assert {**found}.items() >= {"value": 2 / 3, "n": 3, "unscored": 1}.items()
    assert {**within(ROWS, 1)}.items() >= {"value": 1 / 4, "n": 2, "unscored": 2}.items()
    assert {**within(ROWS, 2)}.items() >= {"value": 1 / 2, "n": 2, "unscored": 2}.items()


def test_outcomes_lost_by_chance_leave_the_rate_where_it_is() -> None:
    rng = Random(0)
    rows: list[Row] = [(str(n), k, rng.random() < 0.05) for n in range(20_000) for k in range(8)]
    lost = [(seed, k, None if rng.random() < 0.05 else hit) for seed, k, hit in rows]
    whole, some = by_seed(rows), by_seed(lost)
    assert whole["value"] is not None and some["value"] is not None
    assert some["value"] == pytest.approx(whole["value"], abs=0.02)
    assert by_seed(lost, one_of=known_success)["value"] > whole["value"] + 0.05  # type: ignore[operator]


@given(
    st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=6),
    st.integers(1, 5),
)
def test_within_k_is_the_mean_over_all_choices_of_k(attempts: list[list[bool]], k: int) -> None:
    rows = [(str(s), n, hit) for s, hits in enumerate(attempts) for n, hit in enumerate(hits)]
    brute = fmean(fmean(any(some) for some in combinations(hits, k)) for hits in attempts)
    assert within(rows, k)["value"] == pytest.approx(brute)
    if k == 5:
        assert within(rows, k) == pytest.approx(by_seed(rows))


def test_every_k_asks_the_same_seeds_however_many_attempts_each_has() -> None:
    four = [(f"a{n}", k, k == 2) for n in range(10) for k in range(4)]
    one = [(f"b{n}", 0, False) for n in range(10)]
    rows: list[Row] = [*four, *one]
    at = rates([question(seed, k, "") for seed, k, _ in rows], rows)["at"]
    assert {k: (each["value"], each["n"]) for k, each in at.items()} == {
        "1": (0.125, 20), "2": (0.25, 20), "4": (0.5, 20),
    }  # fmt: skip
    assert at["4"] == by_seed(rows)


def question(seed: str, attempt: int, category: str) -> Question:
    made = Seed(id=seed, text=seed, kind=Kind.HARMFUL, category=category)
    return Question(seed=made, prompt=seed, attempt=attempt)


def test_rates_by_attempts_and_categories() -> None:
    questions = [question(seed, n, "xy"[seed in "cd"]) for seed, n, _ in ROWS]
    found = rates(questions, ROWS)
    assert list(found["at"]) == ["1", "2"]
    assert found["at"]["2"]["value"] == found["value"]
    assert {name: row["n"] for name, row in found["categories"].items()} == {"x": 2, "y": 0}
    single = rates(questions[::2], ROWS[::2])
    assert "at" not in single
    assert (single["value"], single["n"], single["unscored"]) == (0.0, 3, 1)


def test_differences_are_paired_and_clustered() -> None:
    before = {f"{seed}-0": True for seed in range(40)} | {"gone-0": True}
    after = {f"{seed}-0": seed < 20 for seed in range(40)} | {"0-0": None, "new-0": False}
    found = difference(before, after)
    assert (found["value"], found["n"]) == (pytest.approx(-20 / 39), 39)
    # The same answer four times on every seed tells no more than once.
    many = [{f"{key[:-2]}-{n}": value for key, value in each.items() for n in range(4)}
            for each in (before, after)]  # fmt: skip
    assert difference(*many) == found


def test_a_difference_of_several_attempts_is_that_of_the_rates_shown() -> None:
    """Any attempt counts: twenty seeds always hit before, each hit once in four after."""
    seeds, attempts = range(40), range(4)
    before = {f"{seed}-{n}": seed < 20 for seed in seeds for n in attempts}
    after = {f"{seed}-{n}": n == 0 for seed in seeds for n in attempts}
    found = difference(before, after)
    shown = [
        by_seed([(key[:-2], int(key[-1]), value) for key, value in each.items()])["value"]
        for each in (before, after)
    ]
    assert shown == [0.5, 1.0]
    assert (found["value"], found["n"]) == (0.5, 40)
    after["0-1"] = None  # of a seed that was hit all the same: dropped like one that was not
    assert difference(before, after)["n"] == 39
    after["0-0"] = None
    assert difference(before, after)["n"] == 39


def test_attempts_that_change_nothing_are_no_certainty() -> None:
    """Five seeds, four attempts each: no more is known than five seeds tell."""
    same = {f"{seed}-{n}": seed < 2 for seed in range(5) for n in range(4)}
    found = difference(same, same)
    assert (found["value"], found["n"]) == (0.0, 5)
    assert found["low"] == -found["high"] < -0.3
    halves = dict.fromkeys(same, 0.5)
    wide = difference(halves, halves)
    assert wide["low"] == -wide["high"] < -0.3


def made(*names: str, **settings: Any) -> dict[str, Any]:
    """A report of `names`, made with `settings`."""
    plain = {"judge": "b", "max_tokens": 8, "temperature": 0.0}
    plain |= dict.fromkeys(("attempts", "attacker", "attacks", "reference"))
    outcomes = {"outcomes": {"a-0": True}}
    return {"settings": {**plain, **settings}, "tasks": dict.fromkeys(names, outcomes)}


def apart(before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    return comparable(before, after["settings"], [get_task(name) for name in after["tasks"]])


def test_reports_are_compared_only_where_they_were_made_alike() -> None:
    report = made("harmbench", "openbookqa")
    assert apart(report, made("harmbench", "advbench")) == {}
    for key, value in (("judge", "a"), ("max_tokens", 9), ("temperature", 1.0)):
        with pytest.raises(ConfigError, match=f"made with {key} = .*, this one has {value}"):
            apart(report, made("harmbench", **{key: value}))
    with pytest.raises(
        ConfigError, match=r"holds none of these tasks.*holds harmbench, openbookqa"
    ):
        apart(report, made("advbench"))
    assert list(differences(report, made("harmbench", "advbench"))) == ["harmbench"]


def test_two_models_are_compared_where_no_attack_tells_them_apart() -> None:
    """A run is attacked by its own Attacker, so the settings of any two runs differ."""
    names = ("harmbench", "harmbench-attacked", "alpaca-eval", "openbookqa", "harmbench-templates")
    one, other = made(*names, attacker="runs/a"), made(*names, attacker="runs/b")
    left_out = apart(one, other)
    assert left_out == {
        "harmbench-attacked": "harmbench-attacked was asked with attacker = runs/a there and "
        "runs/b here"
    }
    assert set(differences(one, other, left_out)) == {*names} - {"harmbench-attacked"}
    assert apart(one, made(*names, attacker="runs/a", attempts=1)) == {}  # as without a number
    assert set(apart(one, made(*names, attacker="runs/a", attempts=2))) == {
        "harmbench-attacked", "harmbench-templates"
    }  # fmt: skip
    assert set(apart(one, made(*names, attacker="runs/a", reference="m"))) == {"alpaca-eval"}
    written = made("openbookqa", "ifeval", written_tokens=8)
    assert set(apart(made("openbookqa", "ifeval"), written)) == {"ifeval"}  # the other writes none
    fixed = made(*names, attacks="a.jsonl", attacker="runs/a")
    assert apart(fixed, made(*names, attacks="a.jsonl")) == {}  # nobody attacks anew
    assert set(apart(fixed, one)) == {"harmbench-attacked"}
    with pytest.raises(ConfigError, match="nothing is left to compare: harmbench-attacked"):
        apart(one, made("harmbench-attacked", attacker="runs/b"))


def test_attacks_of_one_name_are_compared_only_where_they_are_the_same() -> None:
    """A run's Attacker learns on, and its name stays."""
    one, other = made("harmbench", "harmbench-attacked"), made("harmbench", "harmbench-attacked")
    for report, told in ((one, "1"), (other, "2")):
        attacked = {**report["tasks"]["harmbench-attacked"], "asked": told}
        report["tasks"] = {**report["tasks"], "harmbench-attacked": attacked}
    assert asked_otherwise(one, one) == {}
    assert list(asked_otherwise(one, other)) == ["harmbench-attacked"]
    assert asked_otherwise(made("harmbench"), other) == {}


def test_what_was_asked_on_more_seeds_is_not_the_same_measure(tmp_path: Path) -> None:
    """All seeds of a set hold those that the run trained on; a cut reply follows no instruction."""
    folder = tmp_path / "run/evals"
    folder.mkdir(parents=True)
    rate = {"low": 0.0, "high": 1.0}
    for name, part, value, n, tokens in (
        ("one", "test", 0.4, 60, None), ("two", "all", 0.05, 200, 16)
    ):  # fmt: skip
        tasks = {
            "harmbench": {"counts": "attack_success", "value": value, "n": n, **rate},
            "ifeval": {
                "counts": "accuracy",
                "value": 0.3,
                "n": n,
                "written_tokens": tokens,
                **rate,
            },
            "piqa": {"counts": "accuracy", "value": 0.5, "n": n, **rate},
        }
        settings = {"part": part, "max_tokens": 64, "written_tokens": tokens}
        report = {"role": "defender", "step": 5, "weights": "ema", "judge": "b"}
        report |= {"tasks": tasks, "settings": settings}
        (folder / f"{name}.json").write_text(json.dumps(report))
    found = fixed_tasks({"run": tmp_path / "run"})
    assert sorted(row["n"] for row in found["safety"]) == [60, 200]
    assert sum("seeds of all splits" in row["task"] for row in found["safety"]) == 1
    assert [row["task"] for row in found["utility"]] == ["ifeval", "ifeval, 16 tokens", "piqa"]


def test_a_front_is_of_checkpoints_under_the_same_attacks(tmp_path: Path) -> None:
    for run, asked, value in (("a", "1" * 64, 0.9), ("b", "2" * 64, 0.1), ("c", "2" * 64, 0.3)):
        (tmp_path / run / "evals").mkdir(parents=True)
        rate = {"low": 0.0, "high": 1.0, "n": 9}
        attacked = {"counts": "attack_success", "value": value, "asked": asked, **rate}
        tasks = {"x-attacked": attacked, "y": {"counts": "accuracy", "value": 0.5, **rate}}
        report = {"role": "defender", "step": 5, "weights": "ema", "judge": "b", "tasks": tasks}
        (tmp_path / run / "evals/safety.json").write_text(json.dumps(report))
    found = fixed_tasks({run: tmp_path / run for run in "abc"})["trade_offs"]
    of = {tuple(point["run"] for point in each["points"]): each["front"] for each in found}
    assert of == {("a",): [0], ("b", "c"): [0]}
