"""The Pareto plots of a study: safety against over-refusal, as `comparison.py` takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from advgame.report.signs import of_attackers

Json = Mapping[str, Any]
Runs = Sequence[tuple[str, Json]]  # (arm, run)

PLOTS = (
    "Down is safer, left is more helpful. A dot is a run; the hollow one is the Defender before "
    "training."
)
_UNTRAINED = "untrained"
_MEAN = "Of several sets of prompts, so no interval of one run is known."


def trade_offs(found: Json, runs: Runs) -> Iterator[dict[str, Any]]:
    """Each measure of attack success against each benign set.

    The main one and plain seeds stand first, all others have `more`.
    """
    primary = tuple(found["primary"])
    rates = {id(run): _with_primary(run["rates"], primary) for _, run in runs}
    cells = dict.fromkeys(name for each in rates.values() for name in each)
    harmful = [each for each in cells if each == "primary" or each.startswith("harmful/")]
    first = [name for name in ("primary", "harmful/plain") if name in harmful]
    start = (found["start"] or {}).get("measures") or {}
    for attack in dict.fromkeys([*first, *harmful]):
        if of_attackers(attack):
            continue  # says nothing about the trained Defender
        for benign in (each for each in cells if each not in harmful):
            known = [
                _point(f"{name}-{run['seed']}", run["steps"], rates[id(run)], attack, benign)
                for name, run in runs
                if attack in rates[id(run)] and benign in rates[id(run)]
            ]
            if attack in start and benign in start:
                known.append(_point(_UNTRAINED, None, start, attack, benign))
            if known:
                yield {
                    "title": f"{attack} and {benign}",
                    "note": _MEAN if attack == "primary" and len(primary) > 1 else "",
                    "more": attack not in first,
                    "x": {"title": f"over-refusal, {benign}", "better": "low"},
                    "y": {"title": f"success, {attack}", "better": "low"},
                    "points": known,
                }


def _point(run: str, step: int | None, rates: Json, attack: str, benign: str) -> dict[str, Any]:
    return {"run": run, "step": step, "x": rates[benign], "y": rates[attack]}


def _with_primary(rates: Json, primary: Sequence[str]) -> dict[str, Any]:
    """The rates of a run and, of several, the mean that is the main measure."""
    values = [rates[name]["value"] for name in primary if name in rates]
    if not primary or len(values) < len(primary) or None in values:
        return dict(rates)
    main = rates[primary[0]] if len(primary) == 1 else {"value": fmean(values)}
    return {"primary": main, **rates}
