"""How often run seeds alone would make the differences of a study in its main measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advgame.metrics.replicates import agreeing_p, holm, student_p
from advgame.study.cells import to_be_asked_by
from advgame.study.outcomes import Asked, alike, main_measure
from advgame.study.plan import Plan, Trial


def planned_tests(plan: Plan) -> tuple[str, ...]:
    """The arms whose comparison in the main measure is planned to have a test.

    That takes two run seeds whose runs in both arms have the measure and meet the same Attackers;
    whether they have been made yet does not matter.
    """
    _, cells = main_measure(plan.study.evaluate.primary)
    return tuple(
        arm
        for arm, other in plan.study.compared.items()
        if len(_pairs(plan, arm, other, cells)) > 1
    )


def _pairs(plan: Plan, arm: str, other: str, cells: Sequence[str]) -> list[int]:
    ours, theirs = (
        {trial.seed: _to_be_asked(plan, trial) for trial in plan.of(name)} for name in (arm, other)
    )
    return [
        seed
        for seed in ours.keys() & theirs.keys()
        if all(alike(ours[seed], theirs[seed], cell) for cell in cells)
    ]


def _to_be_asked(plan: Plan, trial: Trial) -> dict[str, Asked]:
    return {name: ((), by) for name, by in to_be_asked_by(plan, trial).items()}


def chance(
    differences: Mapping[str, Any], arms: Sequence[str], primary: Sequence[str]
) -> dict[str, Any]:
    """Tests over run seeds in the main measure, corrected for all that are planned.

    Args:
        differences: ARM → measure → what `analyse.compare` found.
        arms: those of `planned_tests`.
        primary: as the study says.

    Returns:
        ARM → `p`, two-sided; `by`: student, or signs where the runs agree exactly, of which
        Student's test says nothing; `holm`: p corrected for as many tests as there are `arms`. All
        are None while fewer than two runs of both arms are there.
    """
    main, _ = main_measure(primary)
    told = {arm: _test(differences.get(arm, {}).get(main)) for arm in arms}
    corrected = holm({arm: p for arm, (p, _) in told.items() if p is not None}, tests=len(arms))
    return {arm: {"p": p, "by": by, "holm": corrected.get(arm)} for arm, (p, by) in told.items()}


def _test(measure: Mapping[str, Any] | None) -> tuple[float | None, str | None]:
    if measure is None:
        return None, None
    difference = measure["paired"]
    for by, p in (("student", student_p(difference)), ("signs", agreeing_p(difference))):
        if p is not None:
            return p, by
    return None, None
