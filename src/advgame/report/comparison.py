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
    differences   [{metric, first, second, value, low, high, n, percent}]   second − first
    differences_note   a word on where their intervals come from
    curves        [{title, note, percent, unit, smooth, series: [{run, points: [[x, y], …],
                  band: [[low, high], …]}]}]   unit: what x counts, step by default; smooth: draw
                  running means with their intervals
    crossplay     {rate, attackers: [name], defenders: [name], cells: [[rate, …], …], note}
                  a row an attacker, a column a defender
    tables        [{title, note, columns: [text], rows: [[text]]}]
    exploitability [{defender, untrained, value, best_response, gap, gain}]
                  attack success of the untrained Attacker, the run's own (the game's value) and the
                  best response, which lies by `gap` over the own one and by `gain` over the
                  untrained one; value and gap are null where a run trained no Attacker
    transcripts   [{kind, seed, answers: [{run, step, prompt, reply, success, score}]}]
    config        [{key, values: {run: value}}]   where the runs differ
    commands      [[what for, command], …]

`compared.page_of` makes it from what `advgame compare` finds.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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
from advgame.report.pick import cut, fitting
from advgame.report.plots import Scatter, Spot, Trail, spanned
from advgame.report.run_data import cleaned
from advgame.report.smooth import ANY, SHARE, smoothed
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

    def count(key: str, unit: str = "") -> str:
        return f"{short(cost[key])}{unit}" if cost.get(key) else "–"

    return {
        "name": run["name"],
        "group": _group(run),
        "seed": str(run.get("seed", "–")),
        "steps": str(run.get("steps", "–")),
        "sampled": count("sampled_tokens"),
        "trained": count("trained_tokens"),
        "flops": count("flops", "FLOP"),
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
    intro = f"{_DIFFERENCES} {found.get('differences_note') or ''}".strip()
    yield Group("differences", "Differences", intro, tuple(_differences(found)))
    title = found.get("trade_offs_title") or "Safety against utility"
    about = f"{_PARETO} {found.get('trade_offs_note') or ''}".strip()
    yield Group("trade-off", title, about, tuple(_pareto(found, styles)))
    yield Group("curves", "Curves", _CURVES, tuple(_curves(found, styles)))
    yield Group("cross-play", "Cross-play", _CROSSPLAY, tuple(_crossplay(found)))


_PARETO = (
    "Checkpoints of each run, joined in order; the last is larger. Crosses are 95% intervals, the \
dashed steps the Pareto front."
)
_DIFFERENCES = "The second minus the first, on the same questions. An interval that holds 0 allows \
for no difference."
_CURVES = "Bands are 95% intervals. Drag over a part to see it larger; click a name to hide it."
_CROSSPLAY = "Every Attacker against every Defender. A darker cell is a higher rate."


def _pareto(found: Json, styles: _Styles) -> Iterator[Scatter]:
    for plot in found.get("trade_offs") or ():
        trails = []
        for name in (run["name"] for run in found["runs"]):
            spots = tuple(
                Spot(label=_checkpoint(point), x=point["x"], y=point["y"])
                for point in plot["points"]
                if point["run"] == name
            )
            if spots:
                trails.append(Trail(label=name, style=styles.of[name], spots=spots, joined=True))
        if trails:
            yield Scatter(
                title=plot["title"],
                note=plot.get("note") or "",
                x_title=plot["x"]["title"],
                y_title=plot["y"]["title"],
                trails=tuple(trails),
                better=(_sign(plot["x"]), _sign(plot["y"])),
            )


def _checkpoint(point: Json) -> str:
    weights = point.get("weights")
    return f"step {point['step']}" + (f", {weights}" if weights else "")


def _sign(axis: Json) -> int:
    return -1 if axis.get("better") == "low" else 1


def _differences(found: Json) -> Iterator[Forest]:
    rows: dict[tuple[str, bool], list[Json]] = {}
    for each in found.get("differences") or ():
        rows.setdefault((each["metric"], bool(each.get("percent", True))), []).append(each)
    for (metric, share), each in rows.items():
        ends = [abs(d[k]) for d in each for k in ("value", "low", "high") if d.get(k) is not None]
        reach = max([0.05 if share else 0.1, *ends])
        firsts = {d["first"] for d in each}
        # Told once: long names of runs side by side would be cut where they differ.
        minus = f"Minus {each[0]['first']}. " if len(firsts) == 1 else ""
        yield Forest(
            title=metric,
            note=f"{minus}{'In points.' if share else ''}".strip(),
            bars=tuple(
                Bar(label=d["second"] if minus else f"{d['second']} − {d['first']}", rate=d)
                for d in each
            ),
            low=-reach,
            high=reach,
            percent=False,
            points=share,
            reference=0.0,
        )


def _curves(found: Json, styles: _Styles) -> Iterator[Chart]:
    for curve in found.get("curves") or ():
        lines = tuple(_series(curve, each, styles) for each in curve["series"] if each["points"])
        if lines:
            yield Chart(
                title=curve["title"],
                note=curve.get("note") or "",
                lines=lines,
                percent=bool(curve.get("percent")),
                unit=curve.get("unit") or "step",
            )


def _series(curve: Json, series: Json, styles: _Styles) -> Line:
    name, style = series["run"], styles.of.get(series["run"], "c-grey")
    points = tuple((x, y) for x, y in series["points"])
    if curve.get("smooth"):
        within = SHARE if curve.get("percent") else ANY
        return replace(smoothed(name, style, points, within=within), raw=())
    band = tuple((low, high) for low, high in series.get("band") or ())
    return Line(label=name, style=style, points=points, band=band)


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
