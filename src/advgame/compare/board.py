"""Several runs side by side, from their folders alone: rates, curves, costs, the same questions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advgame.compare.questions import differences, last_answers, transcripts
from advgame.config.overrides import differing
from advgame.errors import ConfigError
from advgame.store.reader import RunReader, open_readonly

CURVES = (
    "attacker/harmful/reward",
    "attacker/harmful/win_rate",
    "attacker/harmful/distinct_2",
    "attacker/harmful/self_overlap",
    "attacker/harmful/copy_overlap",
    "defender/harmful/attacked/reward",
    "defender/harmful/direct/reward",
    "defender/harmful/direct/distinct_2",
    "defender/benign/direct/reward",
    "defender/benign/direct/distinct_2",
)
COSTS = ("sampled_tokens", "trained_tokens", "reference_tokens", "judge_tokens", "flops")
SAFETY = {"direct": "direct/harmful/attack_success", "attacked": "attacked/harmful/attack_success"}
OVER_REFUSAL = "direct/benign/over_refusal"
_MOST_POINTS = 400  # of a curve


def board(runs: Sequence[Path]) -> dict[str, Any]:
    """Read runs, finished or not.

    Returns:
        A JSON-ready report. `runs`: NAME → `schedule`, `seed`, `steps`, `cost`, `seconds`,
        `curves` (`step`, `tokens` and one list a metric) and `validation` (step, tokens, rates).
        `pareto`: `points`, a checkpoint each with its rates and intervals, and `fronts`: for
        each measure of safety, the places of the points that no other beats in both safety and
        over-refusal. `utility` points hold accuracies that `advgame eval` left in a run.
        `differences`: each further run minus the first, paired, see `questions.differences`.
        `transcripts`: the same validation questions, answered by each run's last weights.
        `config`: KEY → {run: value} where the configurations differ, see `differing`.

    Raises:
        StoreError: a folder is not a run, or is damaged.
        ConfigError: no run, or the same one twice.
    """
    readers = {name: open_readonly(path) for name, path in named(runs).items()}
    answers = last_answers(readers)
    found = {name: _run(reader) for name, reader in readers.items()}
    points = [
        {"run": name, "step": row["step"], "tokens": row["tokens"], "rates": row["rates"]}
        for name, run in found.items()
        for row in run["validation"]
    ]
    return {
        "runs": found,
        "pareto": {
            "points": points,
            "fronts": {name: front(points, rate, OVER_REFUSAL) for name, rate in SAFETY.items()},
        },
        "utility": [each for name, run in readers.items() for each in _utility(name, run.path)],
        "differences": differences(answers, readers),
        "transcripts": transcripts(answers),
        "config": differing(
            {name: reader.config.model_dump(mode="json") for name, reader in readers.items()}
        ),
    }


def named(runs: Sequence[Path]) -> dict[str, Path]:
    """Short names for run folders: their own, or their paths where two are called alike.

    Raises:
        ConfigError: no run, or the same one twice.
    """
    if not runs:
        raise ConfigError("name at least one run folder")
    if len({run.resolve() for run in runs}) < len(runs):
        raise ConfigError("the same run is named twice")
    own = [run.resolve().name for run in runs]
    names = own if len(set(own)) == len(own) else [str(run) for run in runs]
    return dict(zip(names, runs, strict=True))


def front(points: Sequence[Mapping[str, Any]], first: str, second: str) -> list[int]:
    """The places of the points that no other beats: lower in one rate and not higher in the other.

    Points without one of the rates are left out. Rates have intervals; a point beside the front
    may well belong on it.
    """
    known = {
        place: (point["rates"][first]["value"], point["rates"][second]["value"])
        for place, point in enumerate(points)
        if _value(point, first) is not None and _value(point, second) is not None
    }
    return [
        place
        for place, (a, b) in known.items()
        if not any(c <= a and d <= b and (c, d) != (a, b) for c, d in known.values())
    ]


def _value(point: Mapping[str, Any], name: str) -> float | None:
    value: float | None = point["rates"].get(name, {"value": None})["value"]
    return value


def _run(reader: RunReader) -> dict[str, Any]:
    config, lines = reader.config, reader.metrics()
    spent = {line["step"] + 1: _tokens(line) for line in lines} | {0: 0}
    stride = max(1, -(-len(lines) // _MOST_POINTS))
    kept = lines[::stride]
    last = lines[-1] if lines else {}
    return {
        "path": str(reader.path),
        "schedule": config.schedule.type,
        "seed": config.seed,
        "models": {"attacker": config.attacker.model, "defender": config.defender.model},
        "steps": len(lines),
        "finished": reader.summary() is not None,
        "cost": {name: last.get(f"cost/{name}", 0) for name in COSTS},
        "seconds": round(sum(line["time"].get("step", 0.0) for line in lines), 1),
        "curves": {
            "step": [line["step"] for line in kept],
            "tokens": [_tokens(line) for line in kept],
            **{name: [line.get(name) for line in kept] for name in CURVES},
        },
        "validation": [
            {"step": each["step"], "tokens": spent.get(each["step"]), "rates": each["rates"]}
            for each in reader.validations()
        ],
    }


def _tokens(line: Mapping[str, Any]) -> int:
    return int(line.get("cost/sampled_tokens", 0) + line.get("cost/trained_tokens", 0))


def _utility(name: str, run: Path) -> list[dict[str, Any]]:
    """Accuracies that `advgame eval` measured on a run's Defender; of several the one on most."""
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for path in sorted((run / "evals").glob("*.json")):
        try:
            report = json.loads(path.read_bytes())
            tasks = report["tasks"].items() if report.get("role") == "defender" else ()
            for task, row in tasks:
                key, known = (report["step"], task), found.get((report["step"], task))
                if row["counts"] == "accuracy" and (known is None or known["n"] < row["n"]):
                    found[key] = {"run": name, "step": key[0], "task": task, **_rate(row)}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # not a report of `advgame eval`
    return list(found.values())


def _rate(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("value", "low", "high", "n")}
