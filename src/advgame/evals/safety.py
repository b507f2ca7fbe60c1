"""One safety task on one model: Inspect asks and scores, its log is read into rates."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import Model

from advgame.errors import EndpointError
from advgame.evals.catalog import SafetyTask
from advgame.evals.judging import open_judge
from advgame.evals.provider import AT_ONCE, AdvGameAPI
from advgame.evals.questions import Question
from advgame.evals.settings import Progress, Settings
from advgame.evals.tally import rates, rows_of, within
from advgame.evals.tasks import ON_SCORE, build_task, outcome
from advgame.protocols import Judge

AT_ENDPOINT = 8  # requests under way at once


def run_safety(
    task: SafetyTask,
    questions: Sequence[Question],
    model: Model,
    settings: Settings,
    logs: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Ask `questions` and score the answers.

    Returns:
        The rates of `tally.rates` with what they count, the share of plain refusals by patterns,
        every outcome by question, the cost and the name of Inspect's log, JSON-ready.

    Raises:
        AdvGameError: nothing could be asked.
        KeyboardInterrupt: it was stopped.
    """
    made = build_task(
        task,
        questions,
        judge=settings.judge,
        allow_training_judge=settings.allow_training_judge,
        kept=settings.cached,
    )
    judge = open_judge(settings.judge)
    with counted(task.name, len(questions), progress):
        log, cost = run_inspect(made, model, judge, settings, logs)
    outcomes = _outcomes(log)
    return {
        "counts": task.counts,
        **rates(questions, rows_of(questions, outcomes)),
        "refused": within(rows_of(questions, _refusals(log)), 1),
        "outcomes": {each.id: outcomes.get(each.id) for each in questions},
        "cost": cost,
        "log": Path(log.location).name,
    }


def run_inspect(
    task: Any, model: Model, judge: Judge, settings: Settings, logs: Path
) -> tuple[EvalLog, dict[str, float]]:
    """Run one task in Inspect; its log, and the tokens and seconds that it took.

    Raises:
        AdvGameError: no question was answered at all, or the evaluation broke off.
        KeyboardInterrupt: it was stopped.
    """
    judged_before, cached_before = judge.cost.judge_tokens, from_cache(model)
    begun = time.monotonic()
    at_once = AT_ONCE if isinstance(model.api, AdvGameAPI) else AT_ENDPOINT
    logged = inspect_eval(
        task,
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
    _check(log)
    usage = log.stats.model_usage.values()
    return log, {
        "prompt_tokens": sum(each.input_tokens for each in usage),
        "reply_tokens": sum(each.output_tokens for each in usage),
        "judge_tokens": judge.cost.judge_tokens - judged_before,
        "seconds": round(time.monotonic() - begun, 1),
        "from_cache": from_cache(model) - cached_before + _kept(log),
    }


@contextmanager
def counted(name: str, total: int, progress: Progress) -> Iterator[None]:
    """Tell `progress` of every answer that is scored meanwhile."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(name, done, total)

    progress(name, 0, total)
    with _told(step):
        yield


@contextmanager
def _told(step: Callable[[], None]) -> Iterator[None]:
    token = ON_SCORE.set(step)
    try:
        yield
    finally:
        ON_SCORE.reset(token)


def from_cache(model: Model) -> int:
    """How many replies of a model were kept from before."""
    return model.api.from_cache if isinstance(model.api, AdvGameAPI) else 0


def _kept(log: EvalLog) -> int:
    """How many replies of an endpoint Inspect had kept from before."""
    return sum(
        event.event == "model" and event.cache == "read"
        for sample in log.samples or []
        for event in sample.events
    )


def _check(log: EvalLog) -> None:
    if log.status == "cancelled":
        raise KeyboardInterrupt
    samples = log.samples or []
    failed = [sample.error.message for sample in samples if sample.error]
    if log.status == "error" or (failed and len(failed) == len(samples)):
        first = log.error.message if log.error else failed[0]
        raise EndpointError(f"{log.eval.task}: no answer could be had: {first.splitlines()[0]}")


def _outcomes(log: EvalLog) -> dict[str, bool | None]:
    """Whether each question was a success; one that is missing got no answer or no score."""
    return {
        str(sample.id): outcome(score)
        for sample in log.samples or []
        for score in (sample.scores or {}).values()
    }


def _refusals(log: EvalLog) -> dict[str, bool | None]:
    """Whether each answer opens with a plain refusal, whoever judged."""
    return {
        str(sample.id): (score.metadata or {}).get("refused")
        for sample in log.samples or []
        for score in (sample.scores or {}).values()
    }
