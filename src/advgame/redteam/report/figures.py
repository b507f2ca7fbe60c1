"""The figures of a campaign, from its findings alone. Pure; JSON-ready where it says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any

from advgame.metrics.agreement import confusion, kappa_of
from advgame.metrics.intervals import (
    Difference,
    Rate,
    any_success,
    by_seed,
    known_success,
    paired_difference,
    rate,
)
from advgame.redteam.report.clusters import clusters
from advgame.redteam.taxonomy import category_named
from advgame.redteam.values import REPLAY, Finding, State
from advgame.text import distinct_n, self_overlap, words

_SAMPLE = 300  # prompts of an arm whose pairs are compared


def figures(findings: Sequence[Finding], requests: int, *, stopped: bool = False) -> dict[str, Any]:
    """Everything that can be counted.

    Args:
        findings: one an attempt.
        requests: K, the requests a seed and arm.

    Returns:
        A JSON-ready object: `arms` NAME → figures, `compared` (one arm against each other),
        `categories`, `agreement` of the judges, and the number of `clusters`.
    """
    arms = by_arm(findings)
    main = main_arm(arms)
    return {
        "requests_a_seed": requests,
        "arms": {name: _arm(rows) for name, rows in arms.items()},
        "main": main,
        "compared": {
            name: compared(rows, arms[main], stopped=stopped)
            for name, rows in arms.items()
            # Attacks that were chosen because they succeeded say nothing of what chose them.
            if main is not None and name != main and not main.startswith(REPLAY)
        },
        "categories": _categories(arms),
        "agreement": agreement(findings),
        "clusters": len(clusters(findings)),
        "broken_seeds": len({each.seed_id for each in findings if each.success}),
        "seeds": len({each.seed_id for each in findings}),
    }


def levels(requests: int) -> tuple[tuple[int, str], ...]:
    """Within how many requests success is shown, and the key of its rate: one, where K is 1."""
    return ((1, "at_1"), (requests, "at_k"))[: 1 if requests == 1 else 2]


def by_arm(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings by arm, in order of attempts."""
    found: dict[str, list[Finding]] = {}
    for finding in sorted(findings, key=lambda each: each.attempt):
        found.setdefault(finding.arm, []).append(finding)
    return found


def main_arm(arms: Iterable[str]) -> str | None:
    """The arm that the others are compared with: best of k by the first Attacker, if there is."""
    names = sorted(arms, key=lambda name: not name.startswith("best-of-k"))
    return next((name for name in names if name != "plain"), None)


def _arm(rows: Sequence[Finding]) -> dict[str, Any]:
    outcomes = [(each.seed_id, each.attempt, each.success) for each in rows]
    prompts = [each.prompt for each in rows if each.state is not State.INVALID]
    states = Counter(each.state.value for each in rows)
    usage = sum((each.usage for each in rows[1:]), rows[0].usage)
    return {
        "at_1": by_seed(outcomes, 1),
        "at_k": by_seed(outcomes, one_of=known_success),
        "attempts": len(rows),
        "requests": sum(each.requests for each in rows),
        "states": dict(sorted(states.items())),
        "refused": rate([each.refused for each in rows if each.refused is not None]),
        "distinct_2": distinct_n(prompts, 2),
        "self_overlap": self_overlap([words(each) for each in prompts[:_SAMPLE]]),
        "tokens": usage.total,
        "tokens_estimated": usage.estimated,
    }


def compared(
    other: Sequence[Finding], main: Sequence[Finding], *, stopped: bool = False
) -> Difference:
    """ASR of `main` − ASR of `other`, on the same seeds, after as many requests on each seed.

    A seed that was left alone once it was broken (`stopped`) is broken after any more requests.
    """
    mine, theirs = _by_seed(main), _by_seed(other)
    seeds = sorted(mine.keys() & theirs.keys())
    before, after = [], []
    for seed in seeds:
        most = min(_reach(rows[seed], stopped) for rows in (mine, theirs))
        before.append(_within(theirs[seed], most))
        after.append(_within(mine[seed], most))
    return paired_difference(before, after)


def _by_seed(rows: Sequence[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for each in rows:
        found.setdefault(each.seed_id, []).append(each)
    return found


def _used(finding: Finding) -> int:
    """Requests that a seed was given by the end of an attempt; one that sent none counts too."""
    return finding.before + max(1, finding.requests)


def _reach(rows: Sequence[Finding], stopped: bool) -> float:
    """After how many requests it is known whether a seed was broken."""
    return inf if stopped and any(each.success for each in rows) else max(map(_used, rows))


def _within(rows: Sequence[Finding], most: float) -> bool | None:
    return any_success([each.success for each in rows if _used(each) <= most])


def _categories(arms: Mapping[str, Sequence[Finding]]) -> dict[str, dict[str, Rate]]:
    """CATEGORY → ARM → rate after all requests."""
    found: dict[str, dict[str, list[tuple[str, int, bool | None]]]] = {}
    for name, rows in arms.items():
        for each in rows:
            category = category_named(each)
            outcomes = found.setdefault(category, {}).setdefault(name, [])
            outcomes.append((each.seed_id, each.attempt, each.success))
    return {
        category: {
            name: by_seed(rows, one_of=known_success) for name, rows in found[category].items()
        }
        for category in sorted(found)
    }


def agreement(findings: Sequence[Finding]) -> dict[str, Any] | None:
    """How far two judges agree on what both scored: share, and Cohen's kappa (Cohen 1960)."""
    pairs = [
        (each.verdict.success, each.second.success)
        for each in findings
        if each.verdict and each.second
        if each.verdict.success is not None and each.second.success is not None
    ]
    if not pairs:
        return None
    first, second = zip(*pairs, strict=True)
    return {
        "same": rate([a == b for a, b in pairs]),
        "kappa": kappa_of(confusion(first, second))["value"],
        "success_first": sum(first) / len(pairs),
        "success_second": sum(second) / len(pairs),
    }


def shortest(findings: Iterable[Finding]) -> list[Finding]:
    """For each seed that was broken the success that took least: requests, then characters."""
    best: dict[str, Finding] = {}
    for each in findings:
        if each.success:
            known = best.get(each.seed_id)
            if known is None or _size(each) < _size(known):
                best[each.seed_id] = each
    return sorted(best.values(), key=lambda each: (category_named(each), each.id))


def _size(finding: Finding) -> tuple[int, int, str]:
    said = sum(len(each.content) for each in finding.messages if each.role == "user")
    return finding.requests, said, finding.id
