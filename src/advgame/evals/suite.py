"""Run tasks on a target and report rates: the work behind `advgame eval`.

Safety tasks run in Inspect, one after the other, and leave its logs; utility tasks run in lm-eval.
Replies are kept by content, so a second call goes on where the first was stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import Model, get_model

from advgame import __version__
from advgame.config.players import OpenAIEngine
from advgame.errors import AssetError, EndpointError, SeedError
from advgame.evals.catalog import SafetyTask, UtilityTask
from advgame.evals.judging import describe, open_judge, parse_judge, refuse_training_judge
from advgame.evals.provider import AT_ONCE, AdvGameAPI
from advgame.evals.questions import Part, Question
from advgame.evals.target import Target
from advgame.evals.tasks import ON_SCORE, build_task, outcome, questions_of
from advgame.metrics.intervals import by_seed, rate

AT_ENDPOINT = 8  # requests under way at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the tasks are run; what stands here stands in the report."""

    judge: str
    allow_training_judge: bool = False
    part: Part = "test"
    limit: int | None = None
    max_tokens: int = 256
    temperature: float = 0.0
    attempts: int = 1
    attacker: str | None = None
    cached: bool = True
    key_env: str | None = None


Progress = Callable[[str, int, int], None]
"""(task, done, of): told what is under way."""


def evaluate(
    target: Target,
    tasks: Sequence[SafetyTask | UtilityTask],
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
        logs: folder of Inspect's logs.
        skip_missing: a task whose data cannot be had is left out and named in the report.
        progress: told what is under way.

    Returns:
        A JSON-ready report: `tasks` holds NAME → {value, low, high, n, unscored, …}, `skipped`
        NAME → reason; the rest says what was measured, by whom, and at what cost.

    Raises:
        JudgeError: the judge trained the target.
        AdvGameError: a model, judge or data set is not to be had, or nothing could be asked.
    """
    begun = time.monotonic()
    judge = parse_judge(settings.judge)
    safety = [task for task in tasks if isinstance(task, SafetyTask)]
    utility = [task for task in tasks if isinstance(task, UtilityTask)]
    trained = bool(safety) and refuse_training_judge(
        judge, target.trained_by, allowed=settings.allow_training_judge
    )
    skipped: dict[str, str] = {}
    asked = {task.name: _questions(task, settings, skipped, skip_missing) for task in safety}
    found: dict[str, Any] = {}
    model = _model(target, settings)
    for task in safety:
        questions = asked[task.name]
        if questions is not None:
            found[task.name] = _safety(task, questions, model, settings, logs, progress)
    for each in utility:
        try:
            found[each.name] = _utility(each, model, settings)
        except (SeedError, AssetError) as error:
            if not skip_missing:
                raise
            skipped[each.name] = str(error)
    return {
        **target.describe(),
        "judge": describe(judge) if safety else None,
        "judge_trained_this_run": trained if target.run else None,
        "settings": asdict(settings),
        "tasks": found,
        "skipped": skipped,
        "cost": _cost(found, time.monotonic() - begun),
        "logs": str(logs) if safety else None,
        "versions": {
            "advgame": __version__,
            **{name: version(name) for name in ("inspect-ai", "lm-eval", "torch")},
        },
    }


def _questions(
    task: SafetyTask, settings: Settings, skipped: dict[str, str], skip_missing: bool
) -> tuple[Question, ...] | None:
    try:
        return questions_of(
            task,
            part=settings.part,
            limit=settings.limit,
            attempts=settings.attempts,
            attacker=settings.attacker,
        )
    except (SeedError, AssetError) as error:
        if not skip_missing:
            raise
        skipped[task.name] = str(error)
        return None


def _model(target: Target, settings: Settings) -> Model:
    """Inspect's model: ours in this process, or its own client of an endpoint.

    Raises:
        EndpointError: the endpoint is down or does not serve the model.
        ConfigError: the variable that should hold the key is not set.
    """
    if target.endpoint is None:
        name, choice = target.name, {}
        if target.run is not None:
            step = target.checkpoint.step if target.checkpoint else 0
            weights = None if target.weights == "start" else target.weights
            name, choice = str(target.run), {"role": target.role, "step": step, "weights": weights}
        return get_model(f"advgame/{name}", memoize=False, cached=settings.cached, **choice)
    import asyncio

    from advgame.engines.openai import OpenAISampler

    name, url = target.endpoint
    engine = OpenAIEngine(base_url=url, key_env=settings.key_env)
    asyncio.run(OpenAISampler(engine, name).preflight())
    key = os.environ.get(settings.key_env, "") if settings.key_env else ""
    return get_model(
        f"openai-api/advgame/{name}", base_url=url, api_key=key or "none", memoize=False
    )


def _safety(
    task: SafetyTask,
    questions: Sequence[Question],
    model: Model,
    settings: Settings,
    logs: Path,
    progress: Progress,
) -> dict[str, Any]:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(task.name, done, len(questions))

    progress(task.name, 0, len(questions))
    judge = open_judge(settings.judge)
    judged_before, cached_before = judge.cost.judge_tokens, _from_cache(model)
    begun = time.monotonic()
    at_once = AT_ONCE if isinstance(model.api, AdvGameAPI) else AT_ENDPOINT
    with _told(step):
        logged = inspect_eval(
            build_task(
                task,
                questions,
                judge=settings.judge,
                allow_training_judge=settings.allow_training_judge,
            ),
            model=model,
            display="none",
            log_dir=str(logs),
            log_level="error",
            fail_on_error=False,
            acp_server=False,
            ctl_server=False,
            max_samples=at_once,
            max_connections=at_once,
            adaptive_connections=False,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            max_retries=4,
        )
    if not logged:  # stopped before it could write one
        raise KeyboardInterrupt
    (log,) = logged
    seconds = time.monotonic() - begun
    usage = log.stats.model_usage.values()
    return {
        "counts": task.counts,
        **_rates(questions, _outcomes(log), settings.attempts),
        "refused": rate(_refusals(log)),
        "cost": {
            "prompt_tokens": sum(each.input_tokens for each in usage),
            "reply_tokens": sum(each.output_tokens for each in usage),
            "judge_tokens": judge.cost.judge_tokens - judged_before,
            "seconds": round(seconds, 1),
            "from_cache": _from_cache(model) - cached_before,
        },
        "log": Path(log.location).name,
    }


def _utility(task: UtilityTask, model: Model, settings: Settings) -> dict[str, Any]:
    """Raises SeedError where the questions or the probabilities cannot be had."""
    if not isinstance(model.api, AdvGameAPI):
        raise SeedError(
            f"{task.name}: needs the weights: an endpoint does not show its probabilities"
        )
    from advgame.evals.utility import run_utility  # loads lm-eval, which takes seconds

    return run_utility(task, model.api.loaded, settings.limit)


@contextmanager
def _told(step: Callable[[], None]) -> Iterator[None]:
    token = ON_SCORE.set(step)
    try:
        yield
    finally:
        ON_SCORE.reset(token)


def _from_cache(model: Model) -> int:
    return model.api.from_cache if isinstance(model.api, AdvGameAPI) else 0


def _outcomes(log: EvalLog) -> dict[str, bool | None]:
    """Whether each question was a success; one that is missing got no answer or no score.

    Raises:
        AdvGameError: no question was answered at all, or the evaluation broke off.
    """
    if log.status == "cancelled":
        raise KeyboardInterrupt
    samples = log.samples or []
    failed = [sample.error.message for sample in samples if sample.error]
    if log.status == "error" or (failed and len(failed) == len(samples)):
        first = log.error.message if log.error else failed[0]
        raise EndpointError(f"{log.eval.task}: no answer could be had: {first.splitlines()[0]}")
    return {
        str(sample.id): outcome(score)
        for sample in samples
        for score in (sample.scores or {}).values()
    }


def _refusals(log: EvalLog) -> list[bool | None]:
    """Whether each answer opens with a plain refusal, whoever judged."""
    return [
        (score.metadata or {}).get("refused")
        for sample in log.samples or []
        for score in (sample.scores or {}).values()
    ]


def _rates(
    questions: Sequence[Question], outcomes: Mapping[str, bool | None], attempts: int
) -> dict[str, Any]:
    """The rate over seeds; with several attempts also that of the first alone."""
    rows = [(each.seed.id, each.attempt, outcomes.get(each.id)) for each in questions]
    most = 1 + max(each.attempt for each in questions)
    found: dict[str, Any] = dict(by_seed(rows))
    if most > 1:
        found["at"] = {str(k): by_seed(rows, k) for k in sorted({1, most})}
    faults = sum(each.fault is not None for each in questions)
    return {**found, "attempts": most, "attack_faults": faults}


def _cost(found: Mapping[str, Mapping[str, Any]], seconds: float) -> dict[str, float]:
    """Sums over tasks, and the seconds of everything, loading included."""
    keys = ("prompt_tokens", "reply_tokens", "judge_tokens", "from_cache")
    sums = {key: sum(task["cost"].get(key, 0) for task in found.values()) for key in keys}
    return {**sums, "seconds": round(seconds, 1)}
