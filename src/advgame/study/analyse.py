"""From the records of a study to what it says: means, paired differences, power.

Pure functions of records: a page or a notebook can call `analyse` on committed records alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from advgame.config.overrides import differing
from advgame.judges.named import refuse_training_judge
from advgame.metrics.intervals import Difference
from advgame.metrics.power import detectable
from advgame.metrics.replicates import crossed_bootstrap, mean_over_runs, paired_over_runs
from advgame.store.taught import training_judges
from advgame.study.cells import HARMFUL, OWN, current, missing, valid
from advgame.study.chance import chance, planned_tests
from advgame.study.outcomes import (
    Measure,
    Record,
    Runs,
    both,
    evaluation,
    firm_of,
    has,
    main_measure,
    means,
    measures,
    outcomes,
    seeds_of,
    shared,
)
from advgame.study.plan import START, Plan, Trial
from advgame.study.power import power, size_of
from advgame.types import Cost

FIGURES = ("perplexity", "distinct_2", "stock_opening", "on_topic")
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
        A JSON-ready report. `judge` measured; `judge_trained`: the arms that learned from it.
        `config`: KEY → {arm: value} where the arms' configurations differ, run seeds apart.
        `arms`: ARM → `runs` (seeds recorded), `measures` (NAME → mean over runs with Student's
        interval and `by_run`), `language` (SET → figure → the same), `cost` (means a run), and
        `by_run` (a list: seed, steps, cost, tokens, curves, validation, rates).
        `start`: the untrained Defender's rates and figures.
        `against`: ARM → the arm it is compared with, all but the reference.
        `differences`: ARM → NAME → that arm − ARM: `runs`, the seeds that both have; `paired`
        over run seeds (Student), `bootstrap` over run seeds and prompts, `detectable`.
        `chance`: ARM → the test of the main measure (the primary one, or plain harmful seeds) over
        run seeds, of all arms for which one is planned: see `chance`.
        `attackers`: ARM → the trained Attacker on the untrained Defender, less the untrained one.
        `power`: what those tests can see, as sentences and numbers: see `power`.
        `missing`: RUN → the cells it lacks; all, for one without a record.
    """
    study, records = plan.study, current(plan, records)
    runs = {arm.name: _measured(plan, plan.of(arm.name), records) for arm in study.arms}
    start = valid(plan, plan.of(START)[0], records.get(START))
    primary = study.evaluate.primary
    judge = plan.of(START)[0].config.judges.evaluation
    assert judge is not None  # `make_plan` refuses a study without one
    pairs = {arm: (runs[other], runs[arm]) for arm, other in study.compared.items()}
    tests = planned_tests(plan)
    differences = {
        arm: found for arm, pair in pairs.items() if (found := compare(*pair, primary, len(tests)))
    }
    return {
        "study": study.name,
        "reference": study.reference,
        "budget_tokens": study.budget_tokens,
        "primary": list(primary),
        "judge": judge.model_dump(mode="json"),
        "judge_trained": [
            arm.name
            for arm in study.arms
            if refuse_training_judge(
                judge, training_judges(plan.of(arm.name)[0].config), allowed=True
            )
        ],
        "seeds": {}
        if start is None
        else {k: len(v) for k, v in evaluation(start)["seeds"].items()},
        "start": None if start is None else _start(start, runs, primary),
        "config": differing(
            {
                arm.name: plan.of(arm.name)[0].config.model_dump(mode="json", exclude={"seed"})
                for arm in study.arms
            }
        ),
        "arms": {
            arm.name: {
                "about": arm.about,
                "planned": len(plan.of(arm.name)),
                **_arm(runs[arm.name], primary),
            }
            for arm in study.arms
        },
        "against": study.compared,
        "differences": differences,
        "chance": chance(differences, tests, primary),
        "attackers": {
            arm.name: gain
            for arm in study.arms
            if start is not None and (gain := _attacker(runs[arm.name], start))
        },
        "power": power(pairs, primary, len(tests)),
        "missing": {
            trial.key: list(lacking)
            for trial in plan.trials
            if (lacking := missing(plan, trial, records.get(trial.key)))
        },
    }


def compare(
    reference: Runs, other: Runs, primary: Sequence[str] = (), tests: int = 1
) -> dict[str, Any]:
    """Reference − other for every measure both have, over the run seeds both have.

    A measure of one's own (`own attacker`) compares two different attacks. `tests` is how many
    there are of the main measure, for what can be detected of it.
    """
    found: dict[str, Any] = {}
    for name, pairs in shared(reference, other, primary).items():
        before, after = ([pair[side] for pair in pairs.values()] for side in (0, 1))
        found[name] = {
            "runs": list(pairs),
            "paired": paired_over_runs(means(before), means(after)),
            "bootstrap": crossed_bootstrap(before, after),
            "detectable": detectable(before, after, size=size_of(name, primary, tests)),
        }
    seeds = [seed for seed in reference if seed in other]
    for name, figure in _figures(reference, seeds, other):
        theirs, ours = (
            [evaluation(runs[seed])["language"][name][figure] for seed in seeds]
            for runs in (other, reference)
        )
        found[f"{name}/{figure}"] = {"paired": paired_over_runs(theirs, ours)}
    return found


def _measured(
    plan: Plan, trials: Sequence[Trial], records: Mapping[str, Record]
) -> dict[int, Record]:
    """The records of an arm's runs by run seed, as far as they answer today's questions."""
    return {
        trial.seed: record
        for trial in trials
        if (record := valid(plan, trial, records.get(trial.key)))
    }


def _arm(runs: Runs, primary: Sequence[str]) -> dict[str, Any]:
    names = dict.fromkeys(name for run in runs.values() for name in evaluation(run)["cells"])
    return {
        "runs": list(runs),
        "measures": {
            name: _over(runs, lambda run, measure=measure: _rate(run, measure))
            for name, measure in measures(names, primary).items()
            if any(has(run, measure) for run in runs.values())
        },
        "language": _language(runs),
        "prompts": {seed: evaluation(run)["prompts"] for seed, run in runs.items()},
        "cost": _cost(runs),
        "by_run": [_one(seed, run) for seed, run in runs.items()],
    }


def _over(runs: Runs, value: Any) -> dict[str, Any]:
    by_run = {seed: value(run) for seed, run in runs.items()}
    return {**mean_over_runs(list(by_run.values())), "by_run": by_run}


def _rate(run: Record, measure: Measure) -> float | None:
    return means([outcomes(run, measure)])[0] if has(run, measure) else None


def _language(runs: Runs) -> dict[str, Any]:
    sets = dict.fromkeys(name for run in runs.values() for name in evaluation(run)["language"])
    return {
        name: {
            figure: _over(
                runs,
                lambda run, name=name, figure=figure: (
                    evaluation(run)["language"].get(name, {}).get(figure)
                ),
            )
            for figure in FIGURES
        }
        for name in sets
    }


def _cost(runs: Runs) -> dict[str, Any]:
    """Means a run: steps, seconds, tokens, operations."""
    if not runs:
        return {}
    found = {key: fmean(run[key] for run in runs.values()) for key in ("steps", "seconds")}
    names = [name for name in asdict(Cost()) if all(name in run["cost"] for run in runs.values())]
    found |= {name: fmean(run["cost"][name] for run in runs.values()) for name in names}
    measuring = fmean(evaluation(run)["seconds"] for run in runs.values())
    return {**found, "seconds_measuring": measuring}


def _one(seed: int, run: Record) -> dict[str, Any]:
    """A run of its own: cost, curves against tokens, validation, rates of its cells."""
    curve = run["curve"]
    spent = zip(curve["cost/sampled_tokens"], curve["cost/trained_tokens"], strict=True)
    return {
        "seed": seed,
        "steps": run["steps"],
        "cost": run["cost"],
        "seconds": run["seconds"],
        "step": curve["step"],
        "tokens": [sampled + trained for sampled, trained in spent],
        "curves": {name: curve[name] for name in _CURVES if name in curve},
        "validation": run["validation"],
        "rates": {name: cell["rate"] for name, cell in evaluation(run)["cells"].items()},
    }


def _start(record: Record, runs: Mapping[str, Runs], primary: Sequence[str]) -> dict[str, Any]:
    """The untrained Defender: its rates, and what all trained Attackers of an arm do to it."""
    found = evaluation(record)
    rates = {name: cell["rate"] for name, cell in found["cells"].items()}
    for arm, known in runs.items():
        if (met := _wins(known))["value"] is not None:
            rates[f"{HARMFUL}/{arm} attacker"] = met
    main, cells = main_measure(primary)
    for name, firm in ((main, False), (firm_of(main), True)):
        if name in rates:  # plain seeds: their own rate has an interval
            continue
        values = [_met(record, runs, cell, firm) for cell in cells]
        if values and None not in values:
            rates[name] = mean_over_runs([fmean(value for value in values if value is not None)])
    return {"measures": rates, "language": found["language"]}


def _met(record: Record, runs: Mapping[str, Runs], cell: str, firm: bool) -> float | None:
    """The untrained Defender's rate in a cell: that of all of an arm's Attackers, or its own.

    Of an arm's Attackers it met one itself, that of the first run.
    """
    arm = cell.removeprefix(f"{HARMFUL}/").removesuffix(" attacker")
    met = _wins(runs.get(arm, {}), firm)["value"]
    return _rate(record, Measure((cell,), firm)) if met is None else met


def _wins(runs: Runs, firm: bool = False) -> Difference:
    """How often the Attackers of an arm win against the untrained Defender."""
    own = Measure((f"{HARMFUL}/{OWN}@start",), firm)
    return mean_over_runs([_rate(run, own) for run in runs.values()])


def _attacker(runs: Runs, start: Record) -> dict[str, Any] | None:
    """The arm's Attackers on the untrained Defender, less the untrained Attacker on it."""
    untrained, own = "harmful/untrained attacker", "harmful/own attacker@start"
    asked = seeds_of(evaluation(start), untrained)
    have = [
        run
        for run in runs.values()
        if own in evaluation(run)["cells"] and seeds_of(evaluation(run), own) == asked
    ]
    if not have or untrained not in evaluation(start)["cells"]:
        return None
    before = [outcomes(start, Measure((untrained,)))] * len(have)
    after = [outcomes(run, Measure((own,))) for run in have]
    pairs = [both(*pair) for pair in zip(before, after, strict=True)]
    before, after = ([pair[side] for pair in pairs] for side in (0, 1))
    return {
        "paired": paired_over_runs(means(before), means(after)),
        "bootstrap": crossed_bootstrap(before, after),
    }


def _figures(reference: Runs, seeds: Sequence[int], other: Runs) -> list[tuple[str, str]]:
    if not seeds:
        return []
    every = [evaluation(runs[seed])["language"] for runs in (reference, other) for seed in seeds]
    sets = [name for name in every[0] if all(name in each for each in every)]
    return [(name, figure) for name in sets for figure in FIGURES]
