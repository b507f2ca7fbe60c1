"""Checkpoints that no other beats in safety and utility at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advgame.report.evaluated import Measured, evaluated, ways_of


def front(points: Sequence[Mapping[str, Any]], first: str, second: str) -> list[int]:
    """The places of the points that no other beats: lower in one rate and not higher in the other.

    Points without one of the rates are left out. Rates have intervals; a point beside the front
    may well belong on it.
    """
    return unbeaten([(_value(point, first), _value(point, second)) for point in points])


def unbeaten(values: Sequence[tuple[float | None, float | None]]) -> list[int]:
    """The places of the pairs that no other beats: lower in one and not higher in the other."""
    known = {
        place: (a, b) for place, (a, b) in enumerate(values) if a is not None and b is not None
    }
    return [
        place
        for place, (a, b) in known.items()
        if not any(c <= a and d <= b and (c, d) != (a, b) for c, d in known.values())
    ]


def _value(point: Mapping[str, Any], name: str) -> float | None:
    value: float | None = point["rates"].get(name, {"value": None})["value"]
    return value


def fixed_tasks(runs: Mapping[str, Path]) -> dict[str, list[dict[str, Any]]]:
    """What `advgame eval` left in the runs, and the fronts of what it measured.

    A row is `run`, `step`, `weights`, `task`, `value`, `low`, `high` and `n`. Of several reports on
    the same thing the one on most questions counts. Attack success by another judge, with other
    attempts, under other attacks or in longer replies is another task, and its name says so; so is
    that by the judge that trained a player.

    Returns:
        `utility`: rows of accuracies. `safety`: rows of attack success. `trade_offs`: for each pair
        of a safety and a utility task, `safety` and `utility` (their names), `points` (`run`,
        `step`, `weights`, and under `safety` and `utility` the rates of the same weights) and
        `front`: the places of the points that no other beats.
    """
    found = [(run, each) for run, path in runs.items() for each in evaluated(path)]
    utility = _rows(found, "accuracy")
    safety = _rows(found, "attack_success")
    return {"utility": utility, "safety": safety, "trade_offs": _trade_offs(safety, utility)}


def _rows(found: Sequence[tuple[str, Measured]], counts: str) -> list[dict[str, Any]]:
    chosen = [(run, each) for run, each in found if each.counts == counts]
    ways = ways_of(each for _, each in chosen)
    best: dict[tuple[str, int, str, str], dict[str, Any]] = {}
    for run, each in chosen:
        several = len(ways[each.task]) > 1 and each.way
        name = each.task + (f", {each.way}" if several else "")
        name += f", by the judge that trained {each.taught}" if each.taught else ""
        key = (run, each.step, each.weights or "", name)
        if key not in best or best[key]["n"] < each.rate["n"]:
            where = {"run": run, "step": each.step, "weights": each.weights}
            best[key] = {**where, "task": name, **each.rate}
    return [best[key] for key in sorted(best)]


def _trade_offs(
    safety: Sequence[Mapping[str, Any]], utility: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    made = []
    by_place = {(row["task"], *_where(row).values()): row for row in utility}
    for safe in dict.fromkeys(row["task"] for row in safety):
        rows = [row for row in safety if row["task"] == safe]
        for useful in dict.fromkeys(row["task"] for row in utility):
            points = [
                {**_where(one), "safety": _rate(one), "utility": _rate(other)}
                for one in rows
                if (other := by_place.get((useful, *_where(one).values())))
            ]
            values = [(p["safety"]["value"], _lost(p["utility"]["value"])) for p in points]
            if points:
                pair = {"safety": safe, "utility": useful}
                made.append({**pair, "points": points, "front": unbeaten(values)})
    return made


def _where(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("run", "step", "weights")}


def _rate(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("value", "low", "high", "n")}


def _lost(accuracy: float | None) -> float | None:
    return None if accuracy is None else 1 - accuracy
