"""A study's report on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from advgame.numbers import change, least_points, p_value, percent, rate

_ABREAST = 3  # arms side by side: more, and 80 columns cut their names


def tables(report: Mapping[str, Any]) -> Iterator[Table | str]:
    """Rates by arm, differences between arms, costs, power; then what is missing."""
    arms = {name: arm for name, arm in report["arms"].items() if arm["runs"]}
    if not arms:
        yield "No run has been recorded yet."
    else:
        parts = [
            dict(list(arms.items())[at : at + _ABREAST]) for at in range(0, len(arms), _ABREAST)
        ]
        yield from (_rates(report, part) for part in parts)
        answering = {name: arm for name, arm in arms.items() if arm["language"]}
        yield from (
            _language(report, {name: answering[name] for name in part if name in answering})
            for part in parts
            if answering.keys() & part.keys()
        )
        yield from _differences(report)
        yield from _chance(report)
        yield _costs(arms)
        yield from _power(report)
    if report["missing"]:
        empty = sum(len(cells) for cells in report["missing"].values())
        yield f"{len(report['missing'])} runs are not fully measured: {empty} cells are missing."


def _rates(report: Mapping[str, Any], arms: Mapping[str, Any]) -> Table:
    table = Table(title="What the Attacker wanted: mean over run seeds (95%)", title_justify="left")
    table.add_column("set, attack", overflow="fold")
    table.add_column("start", justify="right")
    for name, arm in arms.items():
        table.add_column(f"{name} (n={len(arm['runs'])})", justify="right")
    start = (report["start"] or {"measures": {}})["measures"]
    for measure in dict.fromkeys(name for arm in arms.values() for name in arm["measures"]):
        first = start.get(measure)
        table.add_row(
            _shown(measure),
            "" if first is None or first["value"] is None else percent(first["value"]),
            *(_of_runs(arm["measures"].get(measure), len(arm["runs"])) for arm in arms.values()),
        )
    return table


def _language(report: Mapping[str, Any], arms: Mapping[str, Any]) -> Table:
    table = Table(title="Language of plain replies, mean over run seeds", title_justify="left")
    for column in ("set", "figure", "start", *arms):
        table.add_column(column, justify="left" if column in ("set", "figure") else "right")
    start = (report["start"] or {"language": {}})["language"]
    rows = {
        (name, figure): None
        for arm in arms.values()
        for name, figures in arm["language"].items()
        for figure in figures
    }
    for name, figure in rows:
        means = (arm["language"].get(name, {}).get(figure) for arm in arms.values())
        values = (
            start.get(name, {}).get(figure),
            *(None if m is None else m["value"] for m in means),
        )
        table.add_row(name, figure, *("–" if v is None else f"{v:.2f}" for v in values))
    return table


def _differences(report: Mapping[str, Any]) -> Iterator[Table]:
    for arm, measures in report["differences"].items():
        title = f"{report['against'][arm]} − {arm}, points"
        table = Table(title=title, title_justify="left")
        table.add_column("set, attack")
        rows = {name: found for name, found in measures.items() if "bootstrap" in found}
        columns = {
            "over run seeds": [change(found["paired"]) for found in rows.values()],
            "over seeds and prompts": [change(found["bootstrap"]) for found in rows.values()],
            "detectable": [_least(found["detectable"]) for found in rows.values()],
        }
        # Of one run each, the second is the first again, and nothing is known of the third.
        told = {
            column: cells
            for place, (column, cells) in enumerate(columns.items())
            if not place or (set(cells) != {"–"} and cells != columns["over run seeds"])
        }
        for column in told:
            table.add_column(column, justify="right")
        for name, cells in zip(rows, zip(*told.values(), strict=True), strict=True):
            table.add_row(_shown(name), *cells)
        yield table


def _least(found: Mapping[str, Any]) -> str:
    return "–" if found["difference"] is None else least_points(found["difference"])


def _chance(report: Mapping[str, Any]) -> Iterator[str]:
    if found := report["chance"]:
        main = "the primary measure" if report["primary"] else "plain harmful seeds"
        yield f"On {main}, over run seeds; of other prompts p says nothing."
        yield f"Corrected for the {len(found)} comparisons that are planned (Holm):"
        for arm, chance in found.items():
            told = "not two runs of both yet"
            if chance["p"] is not None:
                by = " (all runs agree: by their signs)" if chance["by"] == "signs" else ""
                told = f"{p_value(chance['p'])}{by}; corrected {p_value(chance['holm'])}"
            yield f"  {report['against'][arm]} − {arm}: {told}"


def _shown(measure: str) -> str:
    """A measure's name that a narrow column breaks between words."""
    return measure.replace("/", " / ")


def _costs(arms: Mapping[str, Any]) -> Table:
    table = Table(title="Cost of a run, mean", title_justify="left")
    columns = ("arm", "steps", "sampled", "trained", "reference", "operations", "minutes")
    for column in columns:
        table.add_column(column, justify="left" if column == "arm" else "right")
    for name, arm in arms.items():
        cost = arm["cost"]
        table.add_row(
            name,
            f"{cost['steps']:.0f}",
            *(f"{cost[f'{kind}_tokens']:,.0f}" for kind in ("sampled", "trained", "reference")),
            f"{cost['flops']:.1e}",
            f"{cost['seconds'] / 60:.1f}",
        )
    return table


def _power(report: Mapping[str, Any]) -> Iterator[str]:
    if report["power"]:
        yield "Power of Student's test over run seeds (main measure: Holm's first step):"
    for arm, measures in report["power"].items():
        yield f"{report['against'][arm]} − {arm}:"
        yield from (f"  {found['statement']}" for found in measures.values())


def _of_runs(found: Mapping[str, Any] | None, runs: int) -> str:
    """A mean, and of how many runs where some lack it. Its interval may leave 0 to 1."""
    if found is None or found["value"] is None:
        return "–"
    known = found["low"] is not None
    ends = {"low": max(0.0, found["low"]), "high": min(1.0, found["high"])} if known else {}
    told = rate({"value": found["value"], **ends})
    return told if found["n"] == runs else f"{told} of {found['n']}"
