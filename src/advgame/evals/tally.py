"""From the outcomes of single attempts to rates over seeds.

Attempts on one seed are not independent, so the seed is the unit: every rate is a mean over seeds,
and its interval speaks of other seeds of the same kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import comb
from typing import Any, TypeAlias, cast

from advgame.evals.questions import Question
from advgame.metrics.intervals import (
    Difference,
    Rate,
    any_success,
    by_seed,
    mean_share,
    paired_bootstrap,
    paired_difference,
)

Row: TypeAlias = tuple[str, int, bool | None]
"""(seed id, attempt, outcome): None = unscored."""
Outcome: TypeAlias = bool | float | None
"""Of one question; a float of [0, 1] where an answer is better or worse than another."""


def rows_of(questions: Iterable[Question], outcomes: Mapping[str, bool | None]) -> tuple[Row, ...]:
    """A row a question; one without an outcome got no answer or no score."""
    return tuple((each.seed.id, each.attempt, outcomes.get(each.id)) for each in questions)


def within(rows: Iterable[Row], k: int) -> Rate:
    """The share of seeds on which one of `k` attempts succeeds, whichever of those made.

    The unbiased estimator of a seed's share is 1 − C(n − c, k) / C(n, k), with c successes in n
    scored attempts (Chen et al. 2021, arXiv 2107.03374); k = 1 gives the mean over seeds of the
    share of attempts that succeeded. A seed with fewer than `k` attempts counts with those it has,
    one of which an attempt is unscored is unscored: for every k the same seeds are asked.
    """
    shares: list[float | None] = []
    trials = 0
    for outcomes in _grouped(rows).values():
        n, c = len(outcomes), sum(map(bool, outcomes))
        known, most = None not in outcomes, min(k, n)
        shares.append(1 - comb(n - c, most) / comb(n, most) if known else None)
        trials += n if known else 0
    return mean_share(shares, trials)


def rates(questions: Sequence[Question], rows: Sequence[Row]) -> dict[str, Any]:
    """All rates of a task, JSON-ready.

    Returns:
        `value`, `low`, `high`, `n`, `unscored` over seeds, any attempt counting; with several
        attempts `at`: K → the rate within K attempts; where the seeds have categories
        `categories`: NAME → rate; `attempts` (the most on one seed), `attack_faults`.
    """
    most = 1 + max(attempt for _, attempt, _ in rows)
    found: dict[str, Any] = {**by_seed(rows)}
    if most > 1:
        powers = (1 << power for power in range(most.bit_length()))
        found["at"] = {str(k): within(rows, k) for k in (*(p for p in powers if p < most), most)}
    names = {each.seed.id: each.seed.category for each in questions}
    categories = sorted(set(filter(None, names.values())))
    if len(categories) > 1:
        found["categories"] = {
            name: by_seed([row for row in rows if names[row[0]] == name]) for name in categories
        }
    faults = sum(each.fault is not None for each in questions)
    return {**found, "attempts": most, "attack_faults": faults}


def difference(before: Mapping[str, Outcome], after: Mapping[str, Outcome]) -> Difference:
    """After minus before over the questions that both asked, by `Question.id`.

    Yes or no: Newcombe's interval for paired shares of seeds, on which any attempt counts, as in
    the rates. Values between 0 and 1: the mean, by the bootstrap over whole seeds; where all
    agree, such as on no change, a score interval that counts seeds.
    """
    both = sorted(before.keys() & after.keys())
    was, now = [before[key] for key in both], [after[key] for key in both]
    seeds = [key.rpartition("-")[0] for key in both]
    if all(_is_plain(each) for each in (*was, *now)):
        return paired_difference(_any_of(seeds, was), _any_of(seeds, now))
    return paired_bootstrap(was, now, clusters=seeds, within=(0.0, 1.0))


def _any_of(seeds: Sequence[str], outcomes: Sequence[Outcome]) -> list[bool | None]:
    """Whether any attempt on a seed succeeded, a value a seed."""
    plain = cast(Sequence[bool | None], outcomes)
    rows = [(seed, 0, outcome) for seed, outcome in zip(seeds, plain, strict=True)]
    return [any_success(each) for each in _grouped(rows).values()]


def _is_plain(value: Outcome) -> bool:
    return value is None or isinstance(value, bool)


def _grouped(rows: Iterable[Row]) -> dict[str, list[bool | None]]:
    found: dict[str, list[bool | None]] = {}
    for seed, _, outcome in rows:
        found.setdefault(seed, []).append(outcome)
    return found
