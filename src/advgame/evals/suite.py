"""Run tasks on a target and report rates: the work behind `advgame eval`.

Safety tasks run in Inspect, one after the other, and leave its logs; utility tasks run in lm-eval.
Replies are kept by content, so a second call goes on where the first was stopped.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from inspect_ai.model import Model, get_model

from advgame import __version__
from advgame.config.players import OpenAIEngine
from advgame.derive import digest
from advgame.engines.openai import OpenAISampler
from advgame.errors import AssetError, SeedError
from advgame.evals.attacked import attacker_of, cost_of, write_attacks
from advgame.evals.catalog import AnyTask, PairwiseTask, SafetyTask, UtilityTask
from advgame.evals.provider import AdvGameAPI
from advgame.evals.questions import Question
from advgame.evals.safety import run_safety
from advgame.evals.settings import Progress, Settings
from advgame.evals.target import Target, target_of
from advgame.evals.tasks import questions_of
from advgame.evals.versus import run_pairwise
from advgame.judges.named import describe, parse_judge, refuse_taught
from advgame.types import Cost

T = TypeVar("T")


def evaluate(
    target: Target,
    tasks: Sequence[AnyTask],
    settings: Settings,
    logs: Path,
    *,
    skip_missing: bool = False,
    progress: Progress = lambda task, done, of: None,
) -> dict[str, Any]:
    """Run `tasks` on `target`.

    Args:
        target: whom to measure.
        tasks: what to measure.
        settings: how.
        logs: folder of Inspect's logs, and of the attacks that an Attacker made.
        skip_missing: a task whose data cannot be had is left out and named in the report.
        progress: told what is under way.

    Returns:
        A JSON-ready report: `tasks` holds NAME → {value, low, high, n, unscored, …}, `skipped`
        NAME → reason; the rest says what was measured, by whom, and at what cost. A task's `lacks`
        says what of the public one was not asked.

    Raises:
        JudgeError: the judge trained the target, or the Attacker whose attacks it answers.
        AdvGameError: a model, judge or data set is not to be had, or nothing could be asked.
    """
    begun = time.monotonic()
    judge = parse_judge(settings.judge)
    judged = any(not isinstance(task, UtilityTask) for task in tasks)
    taught = target.trained_by
    by = attacker_of(tasks, settings.attacker, settings.attacks)
    trained = judged and refuse_taught(
        judge, taught, by.trained_by if by else None, allowed=settings.allow_training_judge
    )
    skipped: dict[str, str] = {}

    def had(name: str, work: Callable[[], T]) -> T | None:
        """What `work` gives, or None where it cannot be had and may be skipped."""
        try:
            return work()
        except (SeedError, AssetError) as error:
            if not skip_missing:
                raise
            skipped[name] = str(error)
            return None

    # All before the first is answered: a typing error should show at once.
    asked = {
        task.name: had(task.name, partial(_questions, task, settings, logs))
        for task in tasks
        if isinstance(task, SafetyTask)
    }
    model = _model(target, settings, settings.key_env)
    rival = None
    if settings.reference:
        rival = _model(target_of(settings.reference), settings, settings.reference_key_env)
    found: dict[str, dict[str, Any]] = {}
    for task in tasks:
        row: dict[str, Any] | None
        if isinstance(task, UtilityTask):
            row = had(task.name, partial(_utility, task, target, model, settings, progress))
        elif isinstance(task, PairwiseTask):
            compare = partial(run_pairwise, task, model, rival, settings, logs, progress)
            row = had(task.name, compare)
        elif (made := asked[task.name]) is not None:
            questions, attacks = made
            row = {**run_safety(task, questions, model, settings, logs, progress), **attacks}
        else:
            row = None
        if row is not None:
            lacks = "" if isinstance(task, PairwiseTask) else task.lacks
            found[task.name] = {**row, **({"lacks": lacks} if lacks else {})}
    return {
        **target.describe(),
        "judge": describe(judge) if judged else None,
        "trained_by": None if taught is None else [describe(each) for each in taught],
        "judge_trained_this_run": trained or (None if taught is None else False),
        "settings": asdict(settings),
        "tasks": found,
        "skipped": skipped,
        "cost": _cost(found, time.monotonic() - begun),
        "logs": str(logs) if judged else None,
        "versions": {
            "advgame": __version__,
            **{name: version(name) for name in ("inspect-ai", "lm-eval", "torch")},
        },
    }


def _questions(
    task: SafetyTask, settings: Settings, logs: Path
) -> tuple[Sequence[Question], dict[str, Any]]:
    """The questions of a task, and what the report says of attacks that an Attacker made."""
    made_by = attacker_of([task], settings.attacker, settings.attacks)
    by = settings.attacker if made_by else None
    begun, before = time.monotonic(), cost_of(by, settings.attacker_key_env) if by else Cost()
    found = questions_of(
        task,
        part=settings.part,
        limit=settings.limit,
        attempts=settings.attempts,
        attacker=settings.attacker,
        attacks=settings.attacks,
        key_env=settings.attacker_key_env,
    )
    told: dict[str, Any] = {"asked": _asked(found)} if task.attacked else {}
    if by is None or made_by is None:
        return found, told
    spent = cost_of(by, settings.attacker_key_env) - before
    path = write_attacks(found, logs / f"{task.name}-attacks.jsonl")
    return found, told | {
        "attacks": {
            "by": f"{made_by.run}@{made_by.step}" if made_by.run else by,
            "file": path.name,
            "tokens": spent.sampled_tokens,
            "read_tokens": spent.read_tokens,
            "judge_tokens": spent.judge_tokens,
            "seconds": round(time.monotonic() - begun, 1),
        }
    }


def _asked(questions: Sequence[Question]) -> str:
    """A hash of the attacks: one Attacker's name stands for other prompts once it has learned."""
    return digest([[each.seed.id, each.attempt, each.prompt, each.fault] for each in questions])


def _model(target: Target, settings: Settings, key_env: str | None) -> Model:
    """Inspect's model: ours in this process, or its own client of an endpoint.

    `key_env` is the variable that holds the endpoint's key.

    Raises:
        EndpointError: the endpoint is down or does not serve the model.
        ConfigError: the variable that should hold the key is not set.
    """
    if target.endpoint is None:
        name: str = target.name
        choice: dict[str, Any] = {}
        if target.run is not None:
            weights = None if target.weights == "start" else target.weights
            name = str(target.run)
            choice = {"player": target.role.value, "step": target.step, "weights": weights}
        return get_model(f"advgame/{name}", memoize=False, cached=settings.cached, **choice)
    name, url = target.endpoint
    asyncio.run(_sampler(target, key_env).preflight())
    key = os.environ.get(key_env, "") if key_env else ""
    return get_model(
        f"openai-api/advgame/{name}", base_url=url, api_key=key or "none", memoize=False
    )


def _sampler(target: Target, key_env: str | None) -> OpenAISampler:
    """Our own client of the endpoint."""
    assert target.endpoint is not None
    name, url = target.endpoint
    return OpenAISampler(OpenAIEngine(base_url=url, key_env=key_env), name)


def _utility(
    task: UtilityTask, target: Target, model: Model, settings: Settings, progress: Progress
) -> dict[str, Any]:
    """Raises SeedError where the questions or the probabilities cannot be had."""
    from advgame.evals.utility import run_utility  # loads lm-eval, which takes seconds

    if isinstance(model.api, AdvGameAPI):
        return run_utility(task, model.api.loaded, settings, progress)
    return run_utility(task, (target.name, _sampler(target, settings.key_env)), settings, progress)


def _cost(found: Mapping[str, Mapping[str, Any]], seconds: float) -> dict[str, float]:
    """Sums over tasks, and the seconds of everything, loading included."""
    of_model = ("prompt_tokens", "reply_tokens", "judge_tokens", "from_cache")
    keys = (*of_model, "reference_prompt_tokens", "reference_reply_tokens")
    sums = {key: sum(task["cost"].get(key, 0) for task in found.values()) for key in keys}
    for key in ("tokens", "read_tokens", "judge_tokens"):
        made = (task.get("attacks", {}).get(key, 0) for task in found.values())
        sums[f"attack_{key}"] = sum(made)
    return {**sums, "seconds": round(seconds, 1)}
