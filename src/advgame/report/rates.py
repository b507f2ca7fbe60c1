"""The held-out rates before and after, and what may honestly be said about their change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from advgame.report.run_data import Json, RunData

REFUSED = "over-refusal"
TASK = "task not done"  # what over-refusal counts where seeds are scenes

LABELS = {
    "direct/harmful/attack_success": "Attack success, plain harmful requests",
    "attacked/harmful/attack_success": "Attack success, the run's own Attacker",
    "direct/benign/over_refusal": "Over-refusal, plain benign requests",
    "attacked/benign/over_refusal": "Over-refusal, rewritten benign requests",
}


def lost(runs: Iterable[Mapping[str, Json]]) -> str:
    """What `over_refusal` counts in runs of a comparison, in words."""
    kinds = {bool(run.get("scenes")) for run in runs}
    return TASK if kinds == {True} else REFUSED if True not in kinds else f"{REFUSED} or {TASK}"


def label_of(metric: str, said: str = REFUSED) -> str:
    """What a held-out rate is, in words; `said` for what `over_refusal` counts, see `lost`."""
    if metric.endswith("/over_refusal") and said != REFUSED:
        return said.capitalize()
    return LABELS.get(metric, metric)


def scenes(config: Mapping[str, Json]) -> bool:
    """Whether a run plays prompt injection: a benign seed is then a task, not a request."""
    judge = (config.get("judges") or {}).get("defender") or {}
    return bool(judge.get("type") == "sandbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share with its 95% interval, over `n` questions."""

    value: float
    low: float
    high: float
    n: int
    unscored: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """After minus before, with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChange:
    """One rate at the start and at the end of a run. All but the name may be missing."""

    name: str
    before: Rate | None
    after: Rate | None
    difference: Difference | None
    unscored: int = 0  # answers at either end that the judge could not score
    scenes: bool = False

    @property
    def label(self) -> str:
        """What the rate is, in words."""
        return label_of(self.name, TASK if self.scenes else REFUSED)

    @property
    def verdict(self) -> str:
        """fell | rose | unclear | unknown: `unclear` when the interval allows no change.

        Without a paired difference the two intervals must be apart.
        """
        if self.before is None or self.after is None:
            return "unknown"
        if self.difference is not None:
            low, high = self.difference.low, self.difference.high
        else:
            low, high = self.after.low - self.before.high, self.after.high - self.before.low
        return "fell" if high < 0 else "rose" if low > 0 else "unclear"

    @property
    def overlap(self) -> bool:
        """Whether the intervals before and after share a value."""
        if self.before is None or self.after is None:
            return False
        return self.before.low <= self.after.high and self.after.low <= self.before.high


def rate_changes(data: RunData) -> list[RateChange]:
    """Return the rates of the run, known ones first.

    From `summary.json` when the run ended; else from the first and the last validation.
    """
    before: Mapping[str, Json] = data.summary.get("before") or {}
    after: Mapping[str, Json] = data.summary.get("after") or {}
    differences: Mapping[str, Json] = data.summary.get("differences") or {}
    if not before and data.validations:
        before = data.validations[0].get("rates", {})
        after = data.validations[-1].get("rates", {}) if len(data.validations) > 1 else {}
    names = [name for name in LABELS if name in before or name in after]
    names += sorted((before.keys() | after.keys()) - LABELS.keys())
    return [
        RateChange(
            name=name,
            before=_rate(before.get(name)),
            after=_rate(after.get(name)),
            difference=_difference(differences.get(name)),
            unscored=sum((end.get(name) or {}).get("unscored") or 0 for end in (before, after)),
            scenes=scenes(data.config),
        )
        for name in names
    ]


def _rate(found: Json) -> Rate | None:
    if not found or any(found.get(part) is None for part in ("value", "low", "high")):
        return None
    return Rate(
        value=found["value"],
        low=found["low"],
        high=found["high"],
        n=found.get("n") or 0,
        unscored=found.get("unscored") or 0,
    )


def _difference(found: Json) -> Difference | None:
    if not found or any(found.get(part) is None for part in ("value", "low", "high")):
        return None
    return Difference(value=found["value"], low=found["low"], high=found["high"])
