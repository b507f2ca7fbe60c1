"""What a study could have seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advgame.metrics.replicates import detectable
from advgame.study.measures import Runs, shared


def power(
    reference: Runs,
    others: Mapping[str, Runs],
    primary: Sequence[str] = (),
) -> dict[str, Any]:
    """What the study could have seen: now, with more run seeds, with more prompts."""
    found: dict[str, Any] = {}
    for arm, runs in others.items():
        for name, pairs in shared(reference, runs, primary).items():
            if len(pairs) < 2 or name.endswith("@start"):
                continue
            pair = [[each[side] for each in pairs.values()] for side in (0, 1)]
            now = detectable(*pair)
            if now["difference"] is None:
                continue
            found.setdefault(arm, {})[name] = {
                "now": now,
                "twice_the_runs": detectable(*pair, runs=2 * now["runs"]),
                "ten_times_the_prompts": detectable(*pair, prompts=10 * now["prompts"]),
                "statement": _statement(name, now, pair),
            }
    return found


def _statement(name: str, now: Mapping[str, Any], pair: Any) -> str:
    more = detectable(*pair, runs=2 * now["runs"])["difference"] or 0.0
    return (
        f"{name}: with {now['runs']} run seeds and {now['prompts']} prompts a true difference of "
        f"{100 * now['difference']:.0f} points is found some 4 times in 5; with {2 * now['runs']} "
        f"run seeds one of {100 * more:.0f}"
    )
