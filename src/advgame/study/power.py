"""What a study could have seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advgame.metrics.power import Detectable, detectable, over_questions
from advgame.metrics.replicates import Outcomes
from advgame.numbers import least_points
from advgame.study.outcomes import Runs, main_measure, shared

SIZE = 0.05  # of a test by itself


def size_of(measure: str, primary: Sequence[str], tests: int) -> float:
    """The size of a measure's test: the main one's at the first step of Holm's, the hardest."""
    return SIZE / max(1, tests) if measure == main_measure(primary)[0] else SIZE


def power(
    pairs: Mapping[str, tuple[Runs, Runs]], primary: Sequence[str] = (), tests: int = 1
) -> dict[str, Any]:
    """What the tests that are reported could have seen: now, with more run seeds or prompts.

    Args:
        pairs: ARM → the runs of the arm it is compared with, and its own.
        primary: as the study says.
        tests: how many there are of the main measure.

    Returns:
        ARM → measure → `now`, `twice_the_runs`, `ten_times_the_prompts` (see
        `metrics.power.detectable`), `questions`: by how much other prompts may move the difference
        of these runs (95%), and `statement`: the same in words.
    """
    found: dict[str, Any] = {}
    for arm, (reference, runs) in pairs.items():
        for name, known in shared(reference, runs, primary).items():
            if name.endswith("@start"):
                continue
            before, after = ([pair[side] for pair in known.values()] for side in (0, 1))
            size = size_of(name, primary, tests)
            now = detectable(before, after, size=size)
            if now["difference"] is None:
                continue
            more = detectable(before, after, size=size, runs=2 * now["runs"])
            prompts = 10 * now["prompts"]
            questions = _questions(before, after)
            found.setdefault(arm, {})[name] = {
                "now": now,
                "twice_the_runs": more,
                "ten_times_the_prompts": detectable(before, after, size=size, prompts=prompts),
                "questions": questions,
                "statement": _statement(name, now, more, questions),
            }
    return found


def _questions(before: Outcomes, after: Outcomes) -> float | None:
    found = over_questions(before, after)
    if found["value"] is None or found["high"] is None:
        return None
    return found["high"] - found["value"]


def _statement(name: str, now: Detectable, more: Detectable, questions: float | None) -> str:
    assert now["difference"] is not None and more["difference"] is not None
    told = (
        f"{name}: with {now['runs']} run seeds a true difference of "
        f"{least_points(now['difference'])} points on these {now['prompts']} prompts is found some "
        f"4 times in 5 at {100 * now['size']:.3g}%; with {more['runs']} run seeds one of "
        f"{least_points(more['difference'])}"
    )
    if questions is None:
        return told
    return f"{told}; other prompts may move it by {least_points(questions)}"
