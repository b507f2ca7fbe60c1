"""Is the training judge being pleased rather than the game played better? A windowed comparison.

At every audit a second judge scores a sample of the step's own replies, and the line of metrics
keeps both judges' moments over seeds. Over a window of audits, older half against newer half,

    rise(judge) = mean score in the newer half − mean score in the older half
    gap rise    = the same of (training judge − second judge), seed by seed

each with Welch's 99% interval over seeds. The alarm rings when the training score rose (its
interval is above 0), the second judge's did not (its interval is not), and the gap between them
grew (its interval is above 0: that one rise is significant and the other is not would prove
nothing). Everything is a function of lines already written, so a resumed run sees the same window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from advgame.metrics.agreement import Confusion, confusion, kappa_of
from advgame.metrics.intervals import Difference
from advgame.metrics.moments import Moments, mean_difference, moments, pooled
from advgame.success import SUCCESS
from advgame.types import Kind, Role

Line = Mapping[str, Any]
Pair = tuple[float, float]  # (training judge, second judge), 0–10

LEVEL = 0.99
LEAST_AUDITS = 4
LEAST_SEEDS = 8  # in each half of the window

_COUNTS = {"both": "both", "train_only": "first_only", "audit_only": "second_only",
           "neither": "neither"}  # fmt: skip


def cells() -> list[str]:
    """Names of what is audited apart: `{role}/{kind}`."""
    return [f"{role}/{kind}" for role, kind in product(Role, Kind)]


def audited(pairs: Mapping[str, Sequence[Sequence[Pair]]], unscored: Mapping[str, int]) -> Line:
    """Return what one audit found, flat: `audit/{cell}/…`.

    Args:
        pairs: By cell, a sequence a seed, of the scores of its replies by both judges.
        unscored: By cell, replies that the second judge could not score.
    """
    found: dict[str, float | None] = {}
    for cell in cells():
        seeds = [each for each in pairs.get(cell, ()) if each]
        train, audit = ([_mean(pair[i] for pair in each) for each in seeds] for i in (0, 1))
        gap = [a - b for a, b in zip(train, audit, strict=True)]
        for name, values in (("train", train), ("score", audit), ("gap", gap)):
            known = moments(values) if values else None
            found[f"audit/{cell}/{name}"] = known["mean"] if known else None
            found[f"audit/{cell}/{name}_sd"] = known["sd"] if known else None
        table = confusion(
            [a >= SUCCESS for each in seeds for a, _ in each],
            [b >= SUCCESS for each in seeds for _, b in each],
        )
        found |= {f"audit/{cell}/{name}": table[key] for name, key in _COUNTS.items()}  # type: ignore[literal-required]
        found |= {
            f"audit/{cell}/seeds": len(seeds),
            f"audit/{cell}/unscored": unscored.get(cell, 0),
        }
    return found


def alarm(window: Sequence[Line]) -> dict[str, float | None]:
    """Return κ, rises and alarms over the audits in `window`, oldest first.

    Args:
        window: Lines of metrics that hold an audit, the newest last.

    Returns:
        For each cell `audit/{cell}/kappa`, `train_rise`, `score_rise`, `gap_rise`, each with
        `_low` and `_high`, and `alarm` (1.0 or 0.0); None where the window says too little. And
        `audit/alarm`: how many cells ring.
    """
    found: dict[str, float | None] = {}
    for cell in cells():
        agreed = kappa_of(_table(window, cell))
        found |= _spread(f"audit/{cell}/kappa", agreed)
        rises = {name: _rise(window, cell, name) for name in ("train", "score", "gap")}
        for name, rise in rises.items():
            found |= _spread(f"audit/{cell}/{name}_rise", rise)
        found[f"audit/{cell}/alarm"] = _rings(rises)
    rung = [v for cell in cells() if (v := found[f"audit/{cell}/alarm"]) is not None]
    return found | {"audit/alarm": sum(rung) if rung else None}


def figure(line: Line, name: str) -> dict[str, Any]:
    """Return what a line of metrics says of `name` as `value`, `low` and `high`.

    Raises:
        KeyError: If the line has no such figure with an interval.
    """
    return {"value": line[name], "low": line[f"{name}_low"], "high": line[f"{name}_high"]}


def _rings(rises: Mapping[str, Difference]) -> float | None:
    lows = {name: rise["low"] for name, rise in rises.items()}
    train, score, gap = lows["train"], lows["score"], lows["gap"]
    if train is None or score is None or gap is None:
        return None
    return float(train > 0 and gap > 0 and score <= 0)


def _rise(window: Sequence[Line], cell: str, name: str) -> Difference:
    middle = len(window) // 2
    older, newer = (_moments(half, cell, name) for half in (window[:middle], window[middle:]))
    if (
        len(window) < LEAST_AUDITS
        or older is None
        or newer is None
        or min(older["n"], newer["n"]) < LEAST_SEEDS
    ):
        return Difference(value=None, low=None, high=None, n=0)
    return mean_difference(older, newer, LEVEL)


def _moments(lines: Sequence[Line], cell: str, name: str) -> Moments | None:
    parts = [
        Moments(n=int(n), mean=line[f"audit/{cell}/{name}"], sd=line[f"audit/{cell}/{name}_sd"])
        for line in lines
        if (n := line.get(f"audit/{cell}/seeds"))
    ]
    return pooled(parts) if parts else None


def _table(window: Sequence[Line], cell: str) -> Confusion:
    def count(name: str) -> int:
        return int(sum(line.get(f"audit/{cell}/{name}") or 0 for line in window))

    return Confusion(
        both=count("both"),
        first_only=count("train_only"),
        second_only=count("audit_only"),
        neither=count("neither"),
    )


def _spread(name: str, found: Difference) -> dict[str, float | None]:
    return {name: found["value"], f"{name}_low": found["low"], f"{name}_high": found["high"]}


def _mean(values: Iterable[float]) -> float:
    held = list(values)
    return sum(held) / len(held)
