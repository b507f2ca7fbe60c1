"""One pairwise task on one model: its replies against a set's baseline or a reference model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from inspect_ai.model import GenerateConfig, Model

from advgame.evals.catalog import PairwiseTask
from advgame.evals.contests import Contest, contests
from advgame.evals.pairwise import build_pairwise, comparing_judge, preference, summary
from advgame.evals.safety import counted, run_inspect
from advgame.evals.settings import Progress, Settings


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
        The figures of `pairwise.summary`, every preference by prompt, the cost and the name of
        Inspect's log, JSON-ready.

    Raises:
        SeedError: the judge cannot compare, or the set cannot be had.
        ConfigError: there is nothing to compare with.
        KeyboardInterrupt: it was stopped.
    """
    judge = comparing_judge(settings.judge)
    against = contests(task, settings.limit)
    if reference is not None:
        against = asyncio.run(_answered(against, reference, settings))
    made = build_pairwise(
        task,
        against,
        judge=settings.judge,
        allow_training_judge=settings.allow_training_judge,
    )
    with counted(task.name, len(against), progress):
        log, cost = run_inspect(made, model, judge, settings, logs)
    scores = {
        str(sample.id): score
        for sample in log.samples or []
        for score in (sample.scores or {}).values()
    }
    found = summary(list(scores.values()))
    found["unscored"] += len(against) - len(scores)
    return {
        "counts": task.counts,
        **found,
        "reference": settings.reference or "the set's own",
        "outcomes": {
            f"{each.id}-0": preference(scores[each.id]) if each.id in scores else None
            for each in against
        },
        "cost": cost,
        "log": Path(log.location).name,
    }


async def _answered(
    against: Sequence[Contest], reference: Model, settings: Settings
) -> tuple[Contest, ...]:
    """The contests with the replies of `reference`, drawn as the model's own."""
    how = GenerateConfig(temperature=settings.temperature, max_tokens=settings.max_tokens)
    replies = await asyncio.gather(
        *(reference.generate(each.prompt, config=how) for each in against)
    )
    return tuple(
        replace(each, reference=reply.completion)
        for each, reply in zip(against, replies, strict=True)
    )
