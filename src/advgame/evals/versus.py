"""One pairwise task on one model: its replies against a set's baseline or a reference model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from inspect_ai.model import Model

from advgame.evals.catalog import PairwiseTask
from advgame.evals.contests import Contest, contests
from advgame.evals.pairwise import (
    build_pairwise,
    build_reference,
    comparing_judge,
    preference,
    summary,
)
from advgame.evals.safety import counted, run_inspect
from advgame.evals.settings import Progress, Settings
from advgame.protocols import Judge


def run_pairwise(
    task: PairwiseTask,
    model: Model,
    reference: Model | None,
    settings: Settings,
    logs: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Ask the prompts and compare the replies with those of `reference`, or of the set.

    Returns:
        The figures of `pairwise.summary`, every preference by prompt, the cost (what the reference
        read and wrote apart) and the name of Inspect's log, JSON-ready.

    Raises:
        SeedError: the judge cannot compare, or the set cannot be had.
        ConfigError: there is nothing to compare with.
        KeyboardInterrupt: it was stopped.
    """
    judge = comparing_judge(settings.judge)
    every = against = contests(task, settings.limit, settings.part)
    drawn: dict[str, float] = {}
    if reference is not None:
        against, drawn = _answered(task, every, reference, judge, settings, logs, progress)
    made = build_pairwise(
        task,
        against,
        judge=settings.judge,
        allow_training_judge=settings.allow_training_judge,
        kept=settings.cached,
    )
    with counted(task.name, len(against), progress):
        log, cost = run_inspect(made, model, judge, settings, logs)
    scores = {
        str(sample.id): score
        for sample in log.samples or []
        for score in (sample.scores or {}).values()
    }
    found = summary(list(scores.values()))
    found["unscored"] += len(every) - len(scores)
    return {
        "counts": task.counts,
        **found,
        "reference": settings.reference or "the set's own",
        "outcomes": {
            f"{each.id}-0": preference(scores[each.id]) if each.id in scores else None
            for each in every
        },
        "cost": _both(cost, drawn),
        "log": Path(log.location).name,
    }


def _answered(
    task: PairwiseTask,
    against: Sequence[Contest],
    reference: Model,
    judge: Judge,
    settings: Settings,
    logs: Path,
    progress: Progress,
) -> tuple[tuple[Contest, ...], dict[str, float]]:
    """The contests that `reference` answered, drawn as the model's own replies; and the cost."""
    made = build_reference(task, against, judge=settings.judge, kept=settings.cached)
    with counted(f"{task.name} (reference)", len(against), progress):
        log, cost = run_inspect(made, reference, judge, settings, logs)
    said = {
        str(each.id): each.output.completion
        for each in log.samples or []
        if not each.error and each.output.stop_reason != "model_length"  # it had no room to reply
    }
    answered = (replace(each, reference=said[each.id]) for each in against if each.id in said)
    return tuple(answered), cost


def _both(cost: Mapping[str, float], drawn: Mapping[str, float]) -> dict[str, float]:
    """The cost of a comparison: the model's, and what it took to draw the reference's replies."""
    if not drawn:
        return {**cost}
    return {
        **cost,
        **{f"reference_{key}": drawn[key] for key in ("prompt_tokens", "reply_tokens")},
        **{key: round(cost[key] + drawn[key], 1) for key in ("seconds", "from_cache")},
    }
