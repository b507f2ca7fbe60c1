"""From what `advgame compare` finds to a page: the JSON that `comparison.py` takes.

The command's JSON has, where they were asked for, `runs`, `pareto`, `utility` and `transcripts` (of
the run folders), `cross_play` and `exploitability` (a list of best responses).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from advgame.errors import StoreError
from advgame.numbers import in_percent, in_points, two
from advgame.report.comparison import build_comparison
from advgame.report.curve import curves, told_points
from advgame.report.judged import judged
from advgame.report.plots import spanned
from advgame.report.rates import REFUSED, TASK, label_of, lost
from advgame.report.signs import of_held_out
from advgame.report.studied import page_of_study
from advgame.store.damage import reading

Json = Mapping[str, Any]

OVER_REFUSAL = "direct/benign/over_refusal"
SAFETY = {
    "direct/harmful/attack_success": "attack success, asked plainly",
    "attacked/harmful/attack_success": "attack success, the run's own Attacker",
}
SUPPLY = "advgame eval RUN --every-checkpoint"
_MEASURED = "By advgame eval, both on the same weights."
_NO_UTILITY = f"No utility was measured in these runs: {SUPPLY} measures it."
_NOTE = (
    "Each run's last validation. Intervals are over its questions: with another seed a run may end "
    "elsewhere. Under a run's own Attacker both players differ, not the Defender alone."
)
_ASKED = {"direct": "plainly", "attacked": "by each run's own Attacker"}
_PLOTS = 24  # of a safety task against a utility task
_SHOWN = 4  # of these; the others are folded
_SOME = {"trade_offs_note": f"The first {_PLOTS} pairs of tasks; the JSON file has all."}


def build_from_file(path: Path) -> Path:
    """Write the page of a comparison beside its JSON file, and return it.

    Args:
        path: what `advgame compare` or `advgame study` found, or an object in the shape of
            `comparison.py`.

    Raises:
        StoreError: it cannot be read, or holds no comparison.
    """
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    target = path.with_suffix(".html")
    with reading(path, "holds no comparison"):
        if "arms" in found:
            return build_comparison(page_of_study(found), target)
        own = isinstance(found["runs"], Mapping)
        return build_comparison(page_of(found) if own else found, target)


def page_of(found: Json) -> dict[str, Any]:
    """Return the page's JSON for the command's."""
    runs = found["runs"]
    return {
        "name": " against ".join(runs) if len(runs) < 4 else f"{len(runs)} runs",
        "question": "",
        "findings": list(_findings(found)),
        "runs": [_run(name, run) for name, run in runs.items()],
        "trade_offs": list(_trade_offs(found)),
        **({} if found.get("utility") else _no_utility(runs)),
        **(_SOME if len(found.get("trade_offs") or ()) > _PLOTS else {}),
        "differences": [
            {
                **each,
                "metric": label_of(str(each["metric"]), lost(runs.values())),
                "note": of_held_out(str(each["metric"]), lost(runs.values())),
            }
            for each in found.get("differences") or ()
            if each["value"] is not None
        ],
        "differences_note": _NOTE,
        "curves": list(
            curves({name: (run["curves"]["tokens"], _metrics(run)) for name, run in runs.items()})
        ),
        "crossplay": _crossplay(found.get("cross_play")),
        "exploitability": [
            {
                "defender": f"{_name(each['run'], runs)}@{each['step']}",
                "value": each["own"],
                **{key: each[key] for key in ("untrained", "best_response", "gap", "gain")},
            }
            for each in found.get("exploitability") or ()
        ],
        "tables": list(_cycling(found.get("cross_play"))),
        "transcripts": [
            {
                "kind": row["kind"],
                "asked": _ASKED.get(row["mode"], row["mode"]),
                "scene": lost(runs.values()) == TASK,
                "seed": row["seed"],
                "answers": [
                    {
                        "run": name,
                        "step": None,
                        "prompt": "" if row["mode"] == "direct" else each["prompt"],
                        **{key: each[key] for key in ("reply", "success", "score")},
                    }
                    for name, each in row["answers"].items()
                ],
            }
            for row in found.get("transcripts") or ()
        ],
        "config": [{"key": key, "values": row} for key, row in (found.get("config") or {}).items()],
        "commands": [
            ("Look at one run alone", f"advgame report {shlex.quote(run['path'])}")
            for run in runs.values()
            if run.get("path")
        ],
    }


def _name(path: str, runs: Json) -> str:
    known = {run.get("path"): name for name, run in runs.items()}
    return str(known.get(path, PurePath(path).name))


def _run(name: str, run: Json) -> dict[str, Any]:
    notes = run["schedule"] + ("" if run.get("finished", True) else ", not finished")
    return {
        "name": name,
        "seed": run["seed"],
        "steps": run["steps"],
        "cost": {**run["cost"], "seconds": run["seconds"]},
        "notes": notes,
    }


def _findings(found: Json) -> Iterator[str]:
    """By whom, and the last checkpoint of each run, with what its intervals are."""
    yield from judged(found)
    runs = found["runs"]
    said = lost(runs.values())
    for name, run in runs.items():
        if not run["validation"]:
            yield f"{name} recorded no validation."
            continue
        last = run["validation"][-1]
        told = [
            f"{title} {spanned(last['rates'][rate], in_percent)}"
            for rate, title in (*SAFETY.items(), (OVER_REFUSAL, lost([run])))
            if rate in last["rates"]
        ]
        count = f"{last['step']} step{'s' if last['step'] != 1 else ''}"
        yield f"{name}, after {count}: {'; '.join(told)}."
    differences = found.get("differences") or ()
    for other in dict.fromkeys(each["second"] for each in differences):
        rows = [each for each in differences if each["second"] == other and not each["because"]]
        if rows:
            moved = (
                f"{label_of(str(each['metric']), said)} {spanned(each, in_points)}" for each in rows
            )
            ends = f"{other} − {rows[0]['first']}"
            yield f"{ends} in points, question by question: {'; '.join(moved)}."
    yield from dict.fromkeys(
        f"{each['second']} is not compared with {each['first']} question by question: "
        f"{each['because']}."
        for each in differences
        if each["because"]
    )


def _no_utility(runs: Json) -> dict[str, str]:
    title = f"Safety against {lost(runs.values())}"
    return {"trade_offs_title": title, "trade_offs_note": _NO_UTILITY}


def _trade_offs(found: Json) -> Iterator[dict[str, Any]]:
    said = lost(found["runs"].values())
    what = f"{said} of benign requests" if said == REFUSED else said
    checkpoints = (found.get("pareto") or {}).get("points") or ()
    for rate, title in SAFETY.items():
        known = [
            {
                "run": p["run"],
                "step": p["step"],
                "x": p["rates"][OVER_REFUSAL],
                "y": p["rates"][rate],
            }
            for p in checkpoints
            if rate in p["rates"] and OVER_REFUSAL in p["rates"]
        ]
        for judge, points in _by_judge(known, found["runs"]):
            yield {
                "title": f"{title[0].upper()}{title[1:]}{judge}",
                "x": {"title": what, "better": "low"},
                "y": {"title": title.replace("the run's own", "own"), "better": "low"},
                "points": points,
            }
    paired = found.get("trade_offs") or ()
    for place, pair in enumerate(paired[:_PLOTS]):  # the page must stay one that opens
        yield {
            "more": place >= _SHOWN,
            "title": f"{pair['safety']} and {pair['utility']}",
            "note": _MEASURED,
            "x": {"title": f"accuracy, {pair['utility']}", "better": "high"},
            "y": {"title": f"attack success, {pair['safety']}", "better": "low"},
            "points": [{**p, "x": p["utility"], "y": p["safety"]} for p in pair["points"]],
        }
    safety = {(p["run"], p["step"]): p["rates"] for p in checkpoints}
    direct = next(iter(SAFETY))
    tasks = dict.fromkeys(each["task"] for each in found.get("utility") or ())
    for task in (each for each in tasks if each not in {pair["utility"] for pair in paired}):
        measured = [
            {
                "run": each["run"],
                "step": each["step"],
                "x": each,
                "y": safety.get((each["run"], each["step"]), {}).get(direct),
            }
            for each in found["utility"]
            if each["task"] == task and _plays(each, found["runs"][each["run"]])
        ]
        for judge, points in _by_judge([p for p in measured if p["y"]], found["runs"]):
            yield {
                "title": f"Attack success and {task}{judge}",
                "x": {"title": f"accuracy, {task}", "better": "high"},
                "y": {"title": SAFETY[direct], "better": "low"},
                "points": points,
            }


def _by_judge(points: Sequence[Json], runs: Json) -> Iterator[tuple[str, list[Json]]]:
    """What each judge said, for rates by two judges compare nothing; its name if there are two."""
    of: dict[str, list[Json]] = {}
    for point in points:
        of.setdefault(runs[point["run"]].get("judge", {}).get("by", ""), []).append(point)
    for judge, found in of.items():
        yield (f", judge {judge}" if len(of) > 1 else ""), found


def _plays(row: Json, run: Json) -> bool:
    """Whether these weights are those that validation heard."""
    return row.get("weights") in (None, "start", run.get("weights"))


def _metrics(run: Json) -> dict[str, Any]:
    """Every metric that a run has, without what stands on the other axis."""
    return {name: ys for name, ys in run["curves"].items() if name not in ("step", "tokens")}


def _crossplay(played: Json | None) -> dict[str, Any] | None:
    if not played:
        return None
    return {
        "rate": "Attack success on harmful test seeds",
        "attackers": played["attackers"],
        "defenders": played["defenders"],
        "cells": played["cells"],
        "note": f"{played['seeds']} seeds, one prompt and one reply each; RUN@STEP.",
    }


def _cycling(played: Json | None) -> Iterator[dict[str, Any]]:
    found = (played or {}).get("cycling") or {}
    if found:
        yield {
            "title": "Signs of cycling",
            "note": "Forgetting: how much more often a later Defender loses to an earlier Attacker "
            "than its contemporary did, and likewise an Attacker, in points with 95% intervals. "
            "Going round: the size of advantages between checkpoints that no strengths explain, in "
            "log-odds, and below what noise alone stays in 95 of 100 cases.",
            "columns": ["run", "Defender forgets", "Attacker forgets", "goes round", "noise"],
            "rows": [
                [
                    name,
                    told_points(each["defender"]["mean"]),
                    told_points(each["attacker"]["mean"]),
                    two(each["rounds"]["size"]),
                    two(each["rounds"]["noise"]),
                ]
                for name, each in found.items()
            ],
        }
