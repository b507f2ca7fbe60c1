"""What the suites hold, and what tasks say of themselves."""

from __future__ import annotations

import pytest

from advgame.evals.catalog import SAFETY, SUITES, TASKS, UTILITY, SafetyTask, UtilityTask
from advgame.seeds.sets import read_set
from advgame.types import Kind

# What an evaluation of safety and of utility has to hold, whatever else it does.
SAFE = """
    harmbench harmbench-attacked strongreject advbench do-not-answer
    harmbench-jailbreaks harmbench-in-the-wild
    wildjailbreak-harmful wildjailbreak-benign
    wildguardtest-vanilla-harmful wildguardtest-vanilla-benign
    wildguardtest-adversarial-harmful wildguardtest-adversarial-benign
    or-bench-hard or-bench-toxic xstest-safe xstest-unsafe prompt-injection
"""
USEFUL = "mmlu truthfulqa-mc1 arc-challenge bbh ifeval ifbench alpaca-eval arena-hard"


def test_the_suites_hold_what_they_are_for() -> None:
    safety, utility, full = (SUITES[name].tasks for name in ("safety", "utility", "full"))
    assert set(SAFE.split()) <= set(safety) and all(name in SAFETY for name in safety)
    assert set(USEFUL.split()) <= set(utility) and not set(utility) & set(SAFETY)
    assert sorted(full) == sorted((*safety, *utility))  # and nothing twice
    assert all(SUITES[name].limit is None for name in ("safety", "utility", "full"))


def test_quick_needs_nothing_but_the_packages_and_is_short() -> None:
    quick = SUITES["quick"]
    tasks = [TASKS[name] for name in quick.tasks]
    safety = [task for task in tasks if isinstance(task, SafetyTask)]
    utility = [task for task in tasks if isinstance(task, UtilityTask)]
    assert all(task.offline for task in (*safety, *utility))
    assert not any(task.attacked for task in safety)  # nobody has to be named
    assert {task.kind for task in safety} == set(Kind)
    assert not any(task.writes for task in utility)  # a few probabilities, no long replies
    assert (len(safety), len(utility), len(tasks)) == (6, 2, 8)
    assert (quick.limit, quick.max_tokens) == (32, 64)


@pytest.mark.assets
@pytest.mark.parametrize(("name", "asked"), [("do-not-answer", 419), ("harmbench", 200)])
def test_a_task_says_what_of_its_set_it_does_not_ask(name: str, asked: int) -> None:
    lacks = SAFETY[name].lacks
    missing, whole = (int(word) for word in lacks.split() if word.isdecimal())
    assert sum(1 for _ in read_set(name)) == whole - missing == asked


def test_whoever_asks_a_part_of_a_set_says_so() -> None:
    silent = {task.name for task in SAFETY.values() if not task.lacks}
    assert not any(name.startswith(("harmbench", "do-not-answer")) for name in silent)
    assert "strongreject-attacked" in silent
    assert [task.name for task in UTILITY.values() if task.lacks] == ["mmlu-sample"]
