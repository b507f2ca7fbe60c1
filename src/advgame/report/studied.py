"""From what `advgame study` reports to a page: the JSON that `comparison.py` takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advgame.numbers import in_percent, in_points, least_points, p_value, two
from advgame.report.comparison import written
from advgame.report.curve import curves, told_points
from advgame.report.plots import spanned
from advgame.report.signs import of_attackers, of_measure
from advgame.report.studied_plots import PLOTS, trade_offs

Json = Mapping[str, Any]

_NOTE = (
    "The wider of two intervals: over run seeds (Student, paired) and over run seeds and prompts "
    "(bootstrap). Harmful sets count attack success, benign ones over-refusal."
)
_SEEDS = (
    "A p value over run seeds says whether other runs would differ on these very questions, not "
    "whether they would on other questions: of that speaks the interval over both."
)
_POWER = (
    "Detectable: a true difference of so many points on these questions is found four times in "
    "five by Student's test over run seeds, two-sided at the size beside it: 5%, of the main "
    "measure divided by the planned comparisons (the first step of Holm's correction). Estimated "
    "from the spread of the runs there are, which few runs show roughly. A smaller one that was "
    "not found was not looked for. Other questions: by how much they may move the difference of "
    "these runs, the sampling of questions alone (95%)."
)
_SEEN = ("difference", "measure", "run seeds", "prompts", "size", "detectable", "other questions")


def page_of_study(found: Json) -> dict[str, Any]:
    """Return the page's JSON for a study's report, see `study.analyse.analyse`."""
    arms = {name: arm for name, arm in found["arms"].items() if arm["runs"]}
    runs = [(name, run) for name, arm in arms.items() for run in arm["by_run"]]
    return {
        "name": f"Study {found['study']}",
        "question": f"How do schemes differ from {_references(found)} at "
        f"{_budgets(found)}? {_measured(found)}",
        "findings": list(_findings(found)),
        "runs": [
            {
                "name": f"{name}-{run['seed']}",
                "group": name,
                "seed": run["seed"],
                "steps": run["steps"],
                "cost": {**run["cost"], "seconds": run["seconds"]},
                "notes": arms[name]["about"],
            }
            for name, run in runs
        ],
        "trade_offs": list(trade_offs(found, runs)),
        "trade_offs_title": "Safety against over-refusal",
        "trade_offs_note": PLOTS,
        "differences": list(_differences(found)),
        "differences_note": _NOTE,
        "curves": list(
            curves({f"{name}-{run['seed']}": (run["tokens"], run["curves"]) for name, run in runs})
        ),
        "tables": list(_tables(found, arms)),
        "commands": [("Run or continue it", found["command"])] if "command" in found else [],
    }


def _against(found: Json, arm: str) -> str:
    """The arm another is compared with; reports of before name the reference only."""
    return str((found.get("against") or {}).get(arm, found["reference"]))


def _references(found: Json) -> str:
    """Whom the arms are compared with, and who is compared with another than the reference."""
    own = {arm: _against(found, arm) for arm in found.get("against") or ()}
    rest = [f"{arm} from {other}" for arm, other in own.items() if other != found["reference"]]
    return f"{found['reference']} ({', '.join(rest)})" if rest else str(found["reference"])


def _budgets(found: Json) -> str:
    """The tokens of a run, and which arms had more or fewer."""
    differ = (found.get("config") or {}).get("train.budget_tokens") or {}
    own = [f"{a} {n:,}" for a, n in differ.items() if n != found["budget_tokens"]]
    told = f"{found['budget_tokens']:,} sampled plus trained tokens a run"
    return f"{told} ({', '.join(own)})" if own else told


def _measured(found: Json) -> str:
    """On how many prompts, and by whom."""
    judge = found.get("judge") or {}
    named = (
        judge.get("type"),
        "judge",
        judge.get("model") or judge.get("path") or judge.get("name"),
    )
    taught = ", ".join(found.get("judge_trained") or ())
    told = f"which trained {taught}" if taught else "which trained none of them"
    seeds = ", ".join(f"{count} of {name}" for name, count in found["seeds"].items())
    where = f"on test seeds ({seeds}) " if seeds else ""
    return f"Measured {where}by the {' '.join(filter(None, named))}, {told}."


def wider(measure: Json) -> Json:
    """The wider interval of a difference, if it has one; the bootstrap's where runs agree."""
    paired, bootstrap = measure["paired"], measure["bootstrap"]
    if paired["low"] is None or bootstrap["low"] is None:
        return dict(bootstrap)
    spans = [each["high"] - each["low"] for each in (paired, bootstrap)]
    return dict(paired if spans[0] > spans[1] else bootstrap)


def _findings(found: Json) -> Iterator[str]:
    for arm, measures in found["differences"].items():
        main = "primary" if found["primary"] else "harmful/plain"
        if main not in measures:
            if any(not name.endswith("@start") for name in measures):  # it has Defenders
                yield f"{_against(found, arm)} − {arm}: {main} is not measured of both yet."
            continue
        runs = len(measures[main]["runs"])
        least = _least(measures[main]["detectable"])
        told = told_points(wider(measures[main]))
        counted = f"{runs} runs each" if runs > 1 else "one run each, which shows no scheme"
        could = ""
        if least is not None:
            test = "Student's test" + ", corrected" * (len(found.get("chance") or ()) > 1)
            could = f"; a true one of {least} is found some 4 times in 5 by {test}"
        parts = ", ".join(
            f"{name} {in_points(wider(measures[name])['value'])}" for name in found["primary"]
        )
        of = f" ({parts})" if len(found["primary"]) > 1 else ""
        chance = _chance(found, arm)
        yield f"{_against(found, arm)} − {arm}, {main}: {told}{of}, {counted}{chance}{could}."
    if any(each["p"] is not None for each in (found.get("chance") or {}).values()):
        yield _SEEDS
    if found["missing"]:
        yield f"{len(found['missing'])} runs are not fully measured: {', '.join(found['missing'])}."


def _chance(found: Json, arm: str) -> str:
    known = found.get("chance") or {}
    if arm not in known or known[arm]["p"] is None:
        return ""
    p, holm, by = (known[arm].get(key) for key in ("p", "holm", "by"))
    signs = ", whose differences all agree: by their signs" if by == "signs" else ""
    corrected = f", corrected for {len(known)} planned comparisons {p_value(holm)}"
    return f" ({p_value(p)} over run seeds{signs}{corrected if len(known) > 1 else ''})"


def _differences(found: Json) -> Iterator[dict[str, Any]]:
    """Measure by measure, the main one first."""
    main = "primary" if found["primary"] else "harmful/plain"
    every = [name for measures in found["differences"].values() for name in measures]
    for name in dict.fromkeys([main, *every]):
        for arm, measures in found["differences"].items():
            if "bootstrap" not in (measure := measures.get(name, {})):
                continue  # not measured of both, or language
            difference = wider(measure)
            if difference["value"] is not None:
                yield {
                    "metric": name,
                    "first": arm,
                    "second": _against(found, arm),
                    **difference,
                    "percent": True,
                    "note": of_measure(name, found["primary"]),
                    "of": "attackers" if of_attackers(name) else "defenders",
                }


def _tables(found: Json, arms: Json) -> Iterator[dict[str, Any]]:
    start = found["start"] or {"measures": {}, "language": {}}
    heads = [
        f"{name}, {count} run{'s' if count != 1 else ''}"
        for name, arm in arms.items()
        for count in [len(arm["runs"])]
    ]
    yield {
        "title": "What the Attacker wanted",
        "note": "Means over run seeds with 95% intervals; the untrained Defender's rate beside.",
        "columns": ["measure", "untrained", *heads],
        "rows": [
            [
                name,
                _rate(start["measures"].get(name)),
                *(_mean(arm["measures"].get(name)) for arm in arms.values()),
            ]
            for name in dict.fromkeys(name for arm in arms.values() for name in arm["measures"])
        ],
    }
    if found["attackers"]:
        yield {
            "title": "What the Attackers learned",
            "note": "Success on the untrained Defender, the trained Attacker less the untrained "
            "one, in points; the wider of the two intervals.",
            "columns": ["arm", "trained − untrained"],
            "rows": [[arm, told_points(wider(gain))] for arm, gain in found["attackers"].items()],
        }
    if power := [
        _seen(f"{_against(found, arm)} − {arm}", name, each)
        for arm, known in found["power"].items()
        for name, each in known.items()
        if _least(each["now"])
    ]:
        yield {
            "title": "Smallest difference that would be seen",
            "note": _POWER,
            "columns": list(_SEEN),
            "rows": power,
        }
    yield {
        "title": "Language of plain replies",
        "note": "Means over run seeds.",
        "columns": ["set, figure", "untrained", *heads],
        "rows": [
            [
                f"{name}, {figure.replace('_', ' ')}",
                two(start["language"].get(name, {}).get(figure)),
                *(two(_value(arm, name, figure)) for arm in arms.values()),
            ]
            for name, figure in _figures(arms)
        ],
    }
    if config := found.get("config"):
        yield {
            "title": "Where the arms differ",
            "columns": ["key", *found["arms"]],
            "rows": [
                [key, *(written(row, arm) for arm in found["arms"])] for key, row in config.items()
            ],
        }


def _least(detectable: Json) -> str | None:
    """What a test of a size finds; reports of before spoke of another test than the one told."""
    value = detectable["difference"]
    return None if value is None or "size" not in detectable else least_points(value, 1)


def _seen(between: str, measure: str, power: Json) -> list[str]:
    now, questions = power["now"], power["questions"]
    return [
        between,
        measure,
        str(now["runs"]),
        str(now["prompts"]),
        f"{100 * now['size']:.3g}%",
        str(_least(now)),
        "–" if questions is None else f"±{least_points(questions, 1)}",
    ]


def _figures(arms: Json) -> dict[tuple[str, str], None]:
    return {
        (name, figure): None
        for arm in arms.values()
        for name, figures in arm["language"].items()
        for figure in figures
    }


def _value(arm: Json, name: str, figure: str) -> float | None:
    value: float | None = arm["language"].get(name, {}).get(figure, {}).get("value")
    return value


def _rate(found: Json | None) -> str:
    """Without n: it counts prompts of one rate and runs of another."""
    return spanned({key: value for key, value in (found or {}).items() if key != "n"}, in_percent)


def _mean(found: Json | None) -> str:
    if found is None or found["value"] is None:
        return "–"
    if found["low"] is None:
        return in_percent(found["value"])
    low, high = max(0.0, found["low"]), min(1.0, found["high"])
    return f"{in_percent(found['value'])} ({in_percent(low)} to {in_percent(high)})"
