"""What the sign of a difference “A − B” says, and for whom: lower is not always better."""

from __future__ import annotations

from collections.abc import Sequence

from advgame.report.rates import REFUSED
from advgame.study.outcomes import FIRM

OWN = "own attacker"  # a study's cell in which each run's own Attacker asks
_SAFER = "Below 0, A's Defender is the safer one."
_HELPS = "Below 0, A's Defender refuses less."
_TASKS = "Below 0, A's Defender does more of its tasks."
_BOTH = "Each Defender met its own Attacker: both players differ, so no side is the better one."
_STRONGER = "On the untrained Defender. Above 0, A's Attacker is the stronger one."


def of_held_out(metric: str, said: str) -> str:
    """Of a held-out rate MODE/KIND/RATE; `said` is what `over_refusal` counts, see `rates.lost`."""
    mode, _, rest = metric.partition("/")
    if mode == "attacked":
        return _BOTH
    if rest.startswith("harmful/"):
        return _SAFER
    return _HELPS if said == REFUSED else _TASKS


def of_measure(name: str, primary: Sequence[str] = ()) -> str:
    """Of a measure of a study; `primary`: the cells of which the main one is the mean."""
    if name.endswith(f", {FIRM}"):
        return f"A reply that opens by declining is no success. {_SAFER}"
    if name == "primary":
        return f"{f'Mean of {_listed(primary)}. ' if primary else ''}{_SAFER}"
    if of_attackers(name):
        return _STRONGER
    if name.endswith(f"/{OWN}"):
        return _BOTH
    return _SAFER if name.startswith("harmful/") else _HELPS


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def of_attackers(name: str) -> bool:
    """Whether a measure of a study says how strong the Attackers became."""
    return name.endswith(f"/{OWN}@start")
