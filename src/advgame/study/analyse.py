"""From the records of a study to what it says: means, paired differences, power.

Pure functions of records: a page or a notebook can call `analyse` on committed records alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from advgame.metrics.replicates import (
    crossed_bootstrap,
    detectable,
    mean_over_runs,
    paired_over_runs,
)
from advgame.study.cells import asked, cells_of
from advgame.study.plan import START, Plan, Trial

Record = Mapping[str, Any]

FIGURES = ("perplexity", "distinct_2", "stock_opening", "on_topic")
_VALUES = {"1": 1.0, "0": 0.0, "?": None}
_CURVES = (
    "attacker/harmful/reward",
    "attacker/harmful/win_rate",
    "attacker/harmful/distinct_2",
    "attacker/harmful/copy_overlap",
    "defender/harmful/attacked/reward",
    "defender/harmful/direct/reward",
    "defender/benign/direct/reward",
)


def analyse(plan: Plan, records: Mapping[str, Record]) -> dict[str, Any]:
    """Compare the arms of a study by the records there are.

    Returns:
        A JSON-ready report.
        `arms`: ARM → `runs` (seeds recorded), `measures` (NAME → mean over runs with Student's
        interval and `by_run`), `language` (SET → figure → the same), `cost` (means a run), and
        `curves` (a list of runs: seed, tokens, values by metric, validation rates).
        `start`: the untrained Defender's rates and figures.
        `differences`: ARM → NAME → reference − ARM: `paired` over run seeds (Student),
        `bootstrap` over run seeds and prompts, `detectable`.
        `attackers`: ARM → the trained Attacker on the untrained Defender, less the untrained one.
        `power`: what the study can see, as sentences and numbers.
        `missing`: RUN → the cells it lacks; all, for one without a record.
    """
    study = plan.study
    runs = {arm.name: _measured(plan, plan.of(arm.name), records) for arm in study.arms}
    start = records.get(START)
    others = [arm.name for arm in study.arms if arm.name != study.reference]
    differences = {
        name: found for name in others if (found := compare(runs[study.reference], runs[name]))
    }
    return {
        "study": study.name,
        "reference": study.reference,
        "budget_tokens": study.budget_tokens,
        "judge": _judge(plan),
        "seeds": {}
        if start is None
        else {k: len(v) for k, v in _evaluation(start)["seeds"].items()},
        "start": None if start is None else _start(start),
        "arms": {
            arm.name: {
                "about": arm.about,
                "planned": len(plan.of(arm.name)),
                **_arm(runs[arm.name]),
            }
            for arm in study.arms
        },
        "differences": differences,
        "attackers": {
            arm.name: gain
            for arm in study.arms
            if start is not None and (gain := _attacker(runs[arm.name], start))
        },
        "power": power(runs[study.reference], {name: runs[name] for name in others}),
        "missing": {
            trial.key: lacking
            for trial in plan.trials
            if (lacking := _lacking(plan, trial, records.get(trial.key)))
        },
    }


def compare(reference: Mapping[int, Record], other: Mapping[int, Record]) -> dict[str, Any]:
    """Reference − other for every measure both have, over the run seeds both have.

    A measure of one's own (`own attacker`) compares two different attacks.
    """
    seeds = [seed for seed in reference if seed in other]
    found: dict[str, Any] = {}
    for name in _names(reference, seeds, other):
        before = [outcomes(other[seed], name) for seed in seeds]
        after = [outcomes(reference[seed], name) for seed in seeds]
        found[name] = {
            "paired": paired_over_runs(_means(before), _means(after)),
            "bootstrap": crossed_bootstrap(before, after),
            "detectable": detectable(before, after),
        }
    for name, figure in _figures(reference, seeds, other):
        theirs, ours = (
            [_evaluation(runs[seed])["language"][name][figure] for seed in seeds]
            for runs in (other, reference)
        )
        found[f"{name}/{figure}"] = {"paired": paired_over_runs(theirs, ours)}
    return found


def power(reference: Mapping[int, Record], others: Mapping[str, Mapping[int, Record]]) -> Any:
    """What the study could have seen: now, with more run seeds, with more prompts."""
    found: dict[str, Any] = {}
    for arm, runs in others.items():
        seeds = [seed for seed in reference if seed in runs]
        for name in _names(reference, seeds, runs):
            if len(seeds) < 2 or name.endswith("@start"):
                continue
            pair = (
                [outcomes(runs[seed], name) for seed in seeds],
                [outcomes(reference[seed], name) for seed in seeds],
            )
            now = detectable(*pair)
            if now["difference"] is None:
                continue
            found.setdefault(arm, {})[name] = {
                "now": now,
                "twice_the_runs": detectable(*pair, runs=2 * now["runs"]),
                "ten_times_the_prompts": detectable(*pair, prompts=10 * now["prompts"]),
                "statement": _statement(name, now, pair),
            }
    return found


def _statement(name: str, now: Mapping[str, Any], pair: Any) -> str:
    more = detectable(*pair, runs=2 * now["runs"])["difference"] or 0.0
    return (
        f"{name}: with {now['runs']} run seeds and {now['prompts']} prompts a true difference of "
        f"{100 * now['difference']:.0f} points is found 4 times in 5; with {2 * now['runs']} run "
        f"seeds one of {100 * more:.0f}"
    )


def outcomes(record: Record, name: str) -> list[float | None]:
    """The outcomes of a cell, a value a seed: 1 the Attacker got what it wants, None unscored."""
    return [_VALUES[mark] for mark in _evaluation(record)["cells"][name]["outcomes"]]


def _measured(
    plan: Plan, trials: Sequence[Trial], records: Mapping[str, Record]
) -> dict[int, Record]:
    """The records of an arm's runs by run seed, those measured in another way left out."""
    return {
        trial.seed: record
        for trial in trials
        if (record := records.get(trial.key)) and _evaluation(record)["asked"] == asked(plan)
    }


def _arm(runs: Mapping[int, Record]) -> dict[str, Any]:
    names = dict.fromkeys(name for run in runs.values() for name in _evaluation(run)["cells"])
    return {
        "runs": list(runs),
        "measures": {name: _over(runs, lambda run, name=name: _rate(run, name)) for name in names},
        "language": _language(runs),
        "prompts": {seed: _evaluation(run)["prompts"] for seed, run in runs.items()},
        "cost": _cost(runs),
        "curves": [_curves(seed, run) for seed, run in runs.items()],
    }


def _over(runs: Mapping[int, Record], value: Any) -> dict[str, Any]:
    by_run = {seed: value(run) for seed, run in runs.items()}
    return {**mean_over_runs(list(by_run.values())), "by_run": by_run}


def _rate(run: Record, name: str) -> float | None:
    cell = _evaluation(run)["cells"].get(name)
    return None if cell is None else cell["rate"]["value"]


def _language(runs: Mapping[int, Record]) -> dict[str, Any]:
    sets = dict.fromkeys(name for run in runs.values() for name in _evaluation(run)["language"])
    return {
        name: {
            figure: _over(
                runs,
                lambda run, name=name, figure=figure: (
                    _evaluation(run)["language"].get(name, {}).get(figure)
                ),
            )
            for figure in FIGURES
        }
        for name in sets
    }


def _cost(runs: Mapping[int, Record]) -> dict[str, Any]:
    """Means a run: steps, seconds, tokens, operations."""
    if not runs:
        return {}
    found = {key: fmean(run[key] for run in runs.values()) for key in ("steps", "seconds")}
    names = next(iter(runs.values()))["cost"]
    found |= {name: fmean(run["cost"][name] for run in runs.values()) for name in names}
    measuring = fmean(_evaluation(run)["seconds"] for run in runs.values())
    return {**found, "seconds_measuring": measuring}


def _curves(seed: int, run: Record) -> dict[str, Any]:
    curve = run["curve"]
    spent = zip(curve["cost/sampled_tokens"], curve["cost/trained_tokens"], strict=True)
    return {
        "seed": seed,
        "step": curve["step"],
        "tokens": [sampled + trained for sampled, trained in spent],
        **{name: curve[name] for name in _CURVES if name in curve},
        "validation": run["validation"],
    }


def _start(record: Record) -> dict[str, Any]:
    evaluation = _evaluation(record)
    rates = {name: cell["rate"] for name, cell in evaluation["cells"].items()}
    return {"measures": rates, "language": evaluation["language"]}


def _attacker(runs: Mapping[int, Record], start: Record) -> dict[str, Any] | None:
    """The arm's Attackers on the untrained Defender, less the untrained Attacker on it."""
    untrained, own = "harmful/untrained attacker", "harmful/own attacker@start"
    have = [run for run in runs.values() if own in _evaluation(run)["cells"]]
    if not have or untrained not in _evaluation(start)["cells"]:
        return None
    before = [outcomes(start, untrained)] * len(have)
    after = [outcomes(run, own) for run in have]
    return {
        "paired": paired_over_runs(_means(before), _means(after)),
        "bootstrap": crossed_bootstrap(before, after),
    }


def _names(
    reference: Mapping[int, Record], seeds: Sequence[int], other: Mapping[int, Record]
) -> list[str]:
    """The cells that all runs of both arms have, in order."""
    if not seeds:
        return []
    every = [_evaluation(runs[seed])["cells"] for runs in (reference, other) for seed in seeds]
    return [name for name in every[0] if all(name in cells for cells in every)]


def _figures(
    reference: Mapping[int, Record], seeds: Sequence[int], other: Mapping[int, Record]
) -> list[tuple[str, str]]:
    if not seeds:
        return []
    every = [_evaluation(runs[seed])["language"] for runs in (reference, other) for seed in seeds]
    sets = [name for name in every[0] if all(name in each for each in every)]
    return [(name, figure) for name in sets for figure in FIGURES]


def _means(rows: Sequence[Sequence[float | None]]) -> list[float | None]:
    found = []
    for row in rows:
        known = [value for value in row if value is not None]
        found.append(fmean(known) if known else None)
    return found


def _lacking(plan: Plan, trial: Trial, record: Record | None) -> list[str]:
    cells = {} if record is None else _evaluation(record)["cells"]
    return [cell.name for cell in cells_of(plan, trial) if cell.name not in cells]


def _evaluation(record: Record) -> Any:
    return record["evaluation"]


def _judge(plan: Plan) -> Any:
    judges = plan.of(START)[0].config.judges
    return (judges.evaluation or judges.defender).model_dump(mode="json")
