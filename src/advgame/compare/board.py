"""Several runs side by side, from their folders alone: rates, curves, costs, the same questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advgame.compare.fronts import fixed_tasks, front
from advgame.compare.questions import differences, last_answers, transcripts
from advgame.config.overrides import differing
from advgame.errors import ConfigError
from advgame.judges.named import describe
from advgame.store.damage import reading
from advgame.store.reader import RunReader, open_readonly
from advgame.store.taught import taught_by

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
        `scenes` (whether it plays prompt injection), `weights` (those of the Defender that play),
        `judge` (`by` whom validation was judged; `taught`, those that the players learned from),
        `curves` (`step`, `tokens` and one list a metric) and `validation` (step, tokens, rates).
        `pareto`: `points`, a checkpoint each with its rates and intervals, and `fronts`: for
        each measure of safety, the places of the points that no other one that the same judge
        measured beats in both safety and over-refusal. `utility`, `safety` and `trade_offs` are
        what `advgame eval` left in the runs, see `fronts.fixed_tasks`.
        `differences`: each further run minus the first, paired, see `questions.differences`.
        `transcripts`: the same validation questions, answered by each run's last weights.
        `config`: KEY → {run: value} where the configurations differ, see `differing`.

    Raises:
        StoreError: a folder is not a run, or is damaged.
        ConfigError: no run, or the same one twice.
    """
    with reading(" or ".join(map(str, runs))):
        return _board(runs)


def _board(runs: Sequence[Path]) -> dict[str, Any]:
    readers = {name: open_readonly(path) for name, path in named(runs).items()}
    answers = last_answers(readers)
    found = {}
    for name, reader in readers.items():
        with reading(reader.path):
            found[name] = _run(reader)
    points = [
        {"run": name, "step": row["step"], "tokens": row["tokens"], "rates": row["rates"]}
        for name, run in found.items()
        for row in run["validation"]
    ]
    return {
        "runs": found,
        "pareto": {
            "points": points,
            "fronts": {name: _front(points, found, rate) for name, rate in SAFETY.items()},
        },
        **fixed_tasks({name: reader.path for name, reader in readers.items()}),
        "differences": differences(answers, readers),
        "transcripts": transcripts(answers),
        "config": differing(
            {name: reader.config.model_dump(mode="json") for name, reader in readers.items()}
        ),
    }


def _front(
    points: Sequence[Mapping[str, Any]], runs: Mapping[str, Mapping[str, Any]], rate: str
) -> list[int]:
    by: dict[str, list[int]] = {}
    for place, point in enumerate(points):
        by.setdefault(runs[point["run"]]["judge"]["by"], []).append(place)
    return sorted(
        places[each]
        for places in by.values()
        for each in front([points[place] for place in places], rate, OVER_REFUSAL)
    )


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


def _judges(reader: RunReader) -> dict[str, Any]:
    return {
        "by": describe(reader.config.judges.measuring),
        "taught": [describe(each) for each in taught_by(reader.path)],
    }


def _run(reader: RunReader) -> dict[str, Any]:
    config, lines = reader.config, reader.metrics()
    spent = {line["step"] + 1: _tokens(line) for line in lines} | {0: 0}
    stride = max(1, -(-len(lines) // _MOST_POINTS))
    last = lines[-1] if lines else {}
    kept = [*lines[:-1:stride], last] if lines else []
    return {
        "path": str(reader.path),
        "schedule": config.schedule.type,
        "seed": config.seed,
        "models": {"attacker": config.attacker.model, "defender": config.defender.model},
        "steps": len(lines),
        "finished": reader.summary() is not None,
        "weights": config.defender.learn.sample_from,
        "scenes": config.judges.defender.type == "sandbox",
        "judge": _judges(reader),
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
