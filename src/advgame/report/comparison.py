"""The page of a comparison of several runs, from plain data.

`build_comparison` takes a JSON object and knows nothing of how it was measured. Rates are
`{value, low, high, n}` as everywhere (`metrics.intervals`); whatever a key holds may be missing,
and so may every key but `runs`:

    name          a title
    question      what was asked, a sentence or two
    findings      [sentence, …]  what came out, in the order of importance
    runs          [{name, group, seed, steps, cost: {sampled_tokens, trained_tokens, flops,
                  seconds}, notes}]   group is what is compared (a scheme, a reward): its runs
                  differ by their seed and have one colour; by default a run is a group of its own
    trade_offs    [{title, note, x: {title, better}, y: {title, better}, points: [{run, step,
                  x: rate, y: rate}]}]   Pareto plots of checkpoints, in order of step; better is
                  high (default) or low; a point may name its weights
    trade_offs_title   over them; by default Safety against utility
    trade_offs_note    a word on them
    differences   [{metric, first, second, value, low, high, n, percent, note, of}]   second −
                  first; note: what its sign says; of: attackers, for how strong these became
    differences_note   a word on where their intervals come from
    curves        [{title, note, percent, within, unit, smooth, series: [{run, points: [[x, y],
                  …], band: [[low, high], …]}]}]   within: [least, most] that a value can be; unit:
                  what x counts, step by default; smooth: running means with their intervals
    crossplay     {rate, attackers: [name], defenders: [name], cells: [[rate, …], …], note}
                  a row an attacker, a column a defender
    tables        [{title, note, columns: [text], rows: [[text]]}]
    exploitability [{defender, untrained, value, best_response, gap, gain}]
                  attack success of the untrained Attacker, the run's own (the game's value) and the
                  best response, which lies by `gap` over the own one and by `gain` over the
                  untrained one; value and gap are null where a run trained no Attacker
    transcripts   [{kind, asked, scene, seed, answers: [{run, step, prompt, reply, success,
                  score}]}]   asked: how, in words; scene: the seed is a task over a document
    config        [{key, values: {run: value}}]   where the runs differ
    commands      [[what for, command], …]

`compared.page_of` makes it from what `advgame compare` finds.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

from advgame import __version__
from advgame.errors import StoreError
from advgame.numbers import in_percent, in_points
from advgame.report.figures import PALETTE
from advgame.report.forest import Bar, Forest
from advgame.report.group import Group
from advgame.report.heat import Heat
from advgame.report.page import render
from advgame.report.pareto import pareto_group
from advgame.report.pick import cut, fitting
from advgame.report.plots import spanned
from advgame.report.run_data import cleaned
from advgame.report.scale import operations
from advgame.report.smooth import SHARE, smoothed
from advgame.report.svg import Chart, Line, short
from advgame.store.atomic import write_text

Json = Mapping[str, Any]

MOST = 5_000_000  # bytes of a page
TRANSCRIPT_BUDGET = 2_000_000
LONGEST = 2_000


def build_comparison(report: Json, target: Path) -> Path:
    """Write the page of `report` (the shape is this module's docstring) to `target`.

    Raises:
        StoreError: it holds no runs, lacks a part that another needs, is more than a page takes, or
            cannot be written.
    """
    found = cleaned(report)
    if not found.get("runs"):
        raise StoreError("a comparison needs runs: the object has none under `runs`")
    size = len(_page(found, 0).encode())
    if size > MOST:
        raise StoreError(
            f"the page would have {size:,} bytes, and {MOST:,} is the most that opens everywhere: "
            "compare fewer runs or checkpoints at a time"
        )
    write_text(target, _page(found, min(TRANSCRIPT_BUDGET, MOST - size)))
    return target


def _page(found: Json, budget: int) -> str:
    """The page with as many transcripts as `budget` bytes hold."""
    try:
        return render(
            "comparison.html",
            name=found.get("name") or "Comparison",
            version=__version__,
            question=found.get("question") or "",
            findings=found.get("findings") or [],
            runs=[_row(run) for run in found["runs"]],
            grouped=any(_group(run) != run["name"] for run in found["runs"]),
            groups=[group for group in _groups(found, _Styles(found["runs"])) if group.charts],
            exploited=[_exploited(each) for each in found.get("exploitability") or ()],
            tables=[{"note": "", **table} for table in found.get("tables") or ()],
            transcripts=_transcripts(found, budget),
            config=[
                (row["key"], [written(row["values"], run["name"]) for run in found["runs"]])
                for row in found.get("config") or ()
            ],
            commands=found.get("commands") or [],
        )
    except (KeyError, TypeError, IndexError) as error:
        raise StoreError(f"not a comparison: {type(error).__name__} {error}") from error


def written(values: Json, name: str) -> str:
    """The value of a configuration under `name` as a file would say it; a dash without one."""
    value = values.get(name, "–")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _Styles:
    """A colour a group, for all of its runs; dashed where the colours begin anew."""

    def __init__(self, runs: Sequence[Json]) -> None:
        groups = list(dict.fromkeys(_group(run) for run in runs))
        styles = itertools.cycle((*PALETTE, *(f"{colour} dashed" for colour in PALETTE)))
        colours = dict(zip(groups, styles, strict=False))
        self.of = {run["name"]: colours[_group(run)] for run in runs}


def _group(run: Json) -> str:
    return str(run.get("group") or run["name"])


def _row(run: Json) -> dict[str, str]:
    cost = run.get("cost") or {}

    def count(key: str) -> str:
        return short(cost[key]) if cost.get(key) else "–"

    return {
        "name": run["name"],
        "group": _group(run),
        "seed": str(run.get("seed", "–")),
        "steps": str(run.get("steps", "–")),
        "sampled": count("sampled_tokens"),
        "trained": count("trained_tokens"),
        "flops": operations(count("flops")) if cost.get("flops") else "–",
        "time": f"{cost['seconds'] / 60:.0f} min" if cost.get("seconds") else "–",
        "notes": run.get("notes") or "",
    }


def _exploited(each: Json) -> tuple[str, list[tuple[str, str]]]:
    told = [(title, spanned(each.get(key), number)) for key, title, number in _EXPLOITED]
    return each["defender"], told


_EXPLOITED = (
    ("untrained", "Untrained Attacker", in_percent),
    ("value", "Own Attacker", in_percent),
    ("best_response", "Best response", in_percent),
    ("gap", "Gap to own", in_points),
    ("gain", "Gain over untrained", in_points),
)


def _groups(found: Json, styles: _Styles) -> Iterator[Group]:
    said = f"{_DIFFERENCES} {found.get('differences_note') or ''}".strip()
    rows = found.get("differences") or ()
    mine = [each for each in rows if each.get("of") != "attackers"]
    theirs = [each for each in rows if each.get("of") == "attackers"]
    yield Group("differences", "Differences", said, tuple(_differences(mine)))
    yield Group(
        "attackers", "Differences of the Attackers", _ATTACKERS, tuple(_differences(theirs))
    )
    groups = {run["name"]: _group(run) for run in found["runs"]}
    yield pareto_group(found, styles.of, groups)
    yield Group("curves", "Curves", _CURVES, tuple(_curves(found, styles)))
    yield Group("cross-play", "Cross-play", _CROSSPLAY, tuple(_crossplay(found)))


_DIFFERENCES = "“A − B” is A's rate less B's, on the same questions: below 0, A's is the lower. An \
interval that holds 0 allows for no difference."
_ATTACKERS = (
    "“A − B” is A's rate less B's: above 0, A's Attacker wins more often. Intervals as above."
)
_BANDS = 8  # curves of a chart that have them: those of more would hide each other
_CURVES = f"Bands are 95% intervals, where there are at most {_BANDS} curves. Drag over a part to \
see it larger; click a name to hide it."
_CROSSPLAY = "Every Attacker against every Defender. A stronger colour is a higher rate."


def _differences(found: Sequence[Json]) -> Iterator[Forest]:
    rows: dict[tuple[str, bool], list[Json]] = {}
    for each in found:
        rows.setdefault((each["metric"], bool(each.get("percent", True))), []).append(each)
    for (metric, share), alike in rows.items():
        ends = [abs(d[k]) for d in alike for k in ("value", "low", "high") if d.get(k) is not None]
        reach = max([0.05 if share else 0.1, *ends])
        notes = ["In points." if share else "", *dict.fromkeys(d.get("note") or "" for d in alike)]
        yield Forest(
            title=metric,
            note=" ".join(filter(None, notes)),
            bars=tuple(Bar(label=f"{d['second']} − {d['first']}", rate=d) for d in alike),
            low=-reach,
            high=reach,
            percent=False,
            points=share,
            reference=0.0,
        )


def _curves(found: Json, styles: _Styles) -> Iterator[Chart]:
    groups = {run["name"]: _group(run) for run in found["runs"]}
    for curve in found.get("curves") or ():
        lines = [_series(curve, each, styles) for each in curve["series"] if each["points"]]
        if len(lines) > _BANDS:
            lines = [replace(each, band=()) for each in lines]
        if lines:
            yield Chart(
                title=curve["title"],
                note=curve.get("note") or "",
                lines=tuple(replace(each, group=groups.get(each.label, "")) for each in lines),
                percent=bool(curve.get("percent")),
                within=_within(curve),
                unit=curve.get("unit") or "step",
            )


def _series(curve: Json, series: Json, styles: _Styles) -> Line:
    name, style = series["run"], styles.of.get(series["run"], "c-grey")
    points = tuple((x, y) for x, y in series["points"])
    if curve.get("smooth"):
        return replace(smoothed(name, style, points, within=_within(curve)), raw=())
    band = tuple((low, high) for low, high in series.get("band") or ())
    return Line(label=name, style=style, points=points, band=band)


def _within(curve: Json) -> tuple[float, float]:
    """What its values can be."""
    if curve.get("percent"):
        return SHARE
    low, high = curve.get("within") or (None, None)
    return (-inf if low is None else low, inf if high is None else high)


def _crossplay(found: Json) -> Iterator[Heat]:
    cross = found.get("crossplay")
    if cross:
        yield Heat(
            title=cross.get("rate") or "Attack success",
            note=cross.get("note") or "",
            row_title="Attacker",
            column_title="Defender",
            rows=tuple(cross["attackers"]),
            columns=tuple(cross["defenders"]),
            cells=tuple(tuple(row) for row in cross["cells"]),
        )


def _transcripts(found: Json, budget: int) -> dict[str, Any]:
    rows = [
        {
            "kind": row["kind"],
            "asked": row.get("asked") or "",
            "scene": bool(row.get("scene")),
            "seed": cut(row["seed"], LONGEST),
            "answers": [
                {
                    "run": each["run"],
                    "step": each.get("step"),
                    "prompt": cut(each.get("prompt") or "", LONGEST),
                    "reply": cut(each["reply"], LONGEST),
                    "success": each.get("success"),
                    "score": each.get("score"),
                }
                for each in row["answers"]
            ],
        }
        for row in found.get("transcripts") or ()
    ]
    kept, _ = fitting(rows, budget)
    return {"rows": kept, "of": len(rows)}
