"""The audit of a finished run, by any judge: the replies it learned from, scored once more.

A run that trained on a light judge can so be followed by a better one afterwards, for which there
was no time or money while it trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from advgame.audit.watch import Watch
from advgame.config.judges import AuditConfig
from advgame.errors import StoreError
from advgame.protocols import Judge
from advgame.store.reader import RunReader


async def follow(
    run: RunReader,
    judge: Judge,
    config: AuditConfig,
    *,
    every: int,
    progress: Callable[[str, int, int], None] = lambda name, done, of: None,
) -> list[dict[str, Any]]:
    """Audit every `every`-th recorded step of `run` by `judge`, as a run audits itself.

    Returns:
        A line an audited step, as in metrics.jsonl: `step` and what stands under `audit/`.

    Raises:
        StoreError: no step is recorded, or one is damaged.
        EndpointError: the judge's endpoint did not serve.
    """
    watch = replace(Watch.of(run.config, judge), config=config, every=every)
    steps = [step for step in run.episode_steps() if watch.due(step)]
    if not steps:
        raise StoreError(f"{run.path} holds no recorded step to audit")
    lines: list[dict[str, Any]] = []
    for place, step in enumerate(steps):
        found = await watch.metrics(run.episodes(step), lines)
        lines.append({"step": step, **found})
        progress("steps", place + 1, len(steps))
    return lines
