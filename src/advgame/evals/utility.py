"""Utility through lm-evaluation-harness: its tasks, its prompts, its scoring, on our weights.

`scores` is what lm-eval scored, item by item. Answers are kept one by one (`harness`), so a task
that was stopped goes on, and one that was limited is continued.
"""

from __future__ import annotations

import logging
import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from functools import partial
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any
from unittest.mock import patch

import datasets
from lm_eval import evaluator, simple_evaluate
from lm_eval.api import task as lm_eval_task
from lm_eval.tasks import TaskManager

from advgame import assets
from advgame.engines.openai import OpenAISampler
from advgame.errors import SeedError
from advgame.evals.catalog import UtilityTask
from advgame.evals.harness import BATCH, Answers, Endpoint, Kept
from advgame.evals.loaded import Loaded
from advgame.evals.packaged import packaged, prepare
from advgame.evals.settings import Progress, Settings
from advgame.hub import cached_if_silent, why_not
from advgame.judges.cache import VerdictCache
from advgame.metrics.intervals import rate


def run_utility(
    task: UtilityTask,
    model: Loaded | tuple[str, OpenAISampler],
    settings: Settings,
    progress: Progress,
) -> dict[str, Any]:
    """Run a task on a loaded model, or on an endpoint: its name and who asks it.

    Returns:
        A rate of right answers with its outcomes and cost, JSON-ready.

    Raises:
        SeedError: the data cannot be had, or an endpoint would have to show probabilities.
        AssetError: the packaged data cannot be had.
    """
    begun = time.monotonic()
    cache = VerdictCache(assets.cache_dir() / "eval-utility") if settings.cached else None
    told = partial(progress, task.name)
    if isinstance(model, Loaded):
        fingerprint = model.fingerprint
        of = f"{fingerprint} {version('lm-eval')}" if fingerprint else None
        answers = Answers(of, cache, told)
        with model.weights.use(model.target.weights) as network:
            lm: Kept | Endpoint = Kept(network, model, answers)
            found = scores(task, lm, settings.limit, max_tokens=settings.written_tokens)
    elif not task.writes:
        raise SeedError(f"{task.name}: an endpoint does not show the probabilities it needs")
    else:
        name, sampler = model
        # What stands behind an address may change: kept for the day, to go on.
        answers = Answers(f"{name} {date.today()}", cache, told)
        lm = Endpoint(sampler, answers)
        found = scores(task, lm, settings.limit, max_tokens=settings.written_tokens)
    outcomes = {
        f"{item}-0": None if math.isnan(score) else bool(score) for item, score in found.items()
    }
    return {
        "counts": task.counts,
        **rate(list(outcomes.values())),
        "outcomes": outcomes,
        **({"written_tokens": settings.written_tokens} if task.writes else {}),
        "cost": {
            "prompt_tokens": lm.read,
            "reply_tokens": lm.written,
            "seconds": round(time.monotonic() - begun, 1),
            "from_cache": answers.from_cache,
        },
    }


def scores(
    task: UtilityTask,
    lm: Any,
    limit: int | None,
    *,
    model_args: str = "",
    max_tokens: int | None = None,
) -> dict[str, float]:
    """What lm-eval gives each item of a task, by PART/ITEM, in the task's order; NaN is no score.

    An item whose prompt does not fit the positions of a model in this process has none.

    Args:
        task: which.
        lm: a model of lm-eval, or the name of one that it makes from `model_args`.
        limit: the first so many items, of each part if the task has parts.
        model_args: as lm-eval's command line takes them.
        max_tokens: of a reply, where the model writes; None = as the task says.

    Raises:
        SeedError: the data cannot be had.
        AssetError: the packaged data cannot be had.
    """
    prepare(task)
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder, _noting_answers() as asked:
        try:
            manager, which = _manager(task, Path(folder))
            with _no_machine(), _no_bars(), nullcontext() if task.offline else cached_if_silent():
                found = simple_evaluate(
                    model=lm,
                    model_args=model_args or None,
                    tasks=[which],
                    limit=limit,
                    task_manager=manager,
                    apply_chat_template=task.writes,
                    gen_kwargs={"max_gen_toks": max_tokens} if max_tokens and task.writes else None,
                    bootstrap_iters=0,
                    batch_size=BATCH,
                )
        except (OSError, ValueError, RuntimeError) as error:
            if task.offline or asked:
                raise
            raise SeedError(
                f"{task.name}: its data cannot be had from the hub: {why_not(error)}"
            ) from error
    cut = lm.cut if isinstance(lm, Kept) else set()
    return {
        f"{part}/{item['doc_id']}": (
            math.nan if (part, item["doc_id"]) in cut else float(item[task.metric])
        )
        for part, items in found["samples"].items()
        for item in _ordered(items)
    }


def _no_machine() -> Any:
    """Keep lm-eval from describing the machine, which takes seconds and which nobody reads.

    It asks git for a commit, too, and outside a repository git complains to the user.
    """
    return patch.multiple(
        evaluator, get_git_commit_hash=lambda: None, add_env_info=lambda results: None
    )


@contextmanager
def _noting_answers() -> Iterator[list[bool]]:
    """A list that is empty as long as lm-eval reads data, and no more once it asks the model."""
    asked: list[bool] = []
    evaluate = evaluator.evaluate

    def noted(*args: Any, **named: Any) -> Any:
        asked.append(True)
        return evaluate(*args, **named)

    with patch.object(evaluator, "evaluate", noted):
        yield asked


def _no_bars() -> Any:
    """Keep lm-eval's bar of every task's preparation off the terminal: we draw bars of our own."""
    return patch.object(lm_eval_task, "tqdm", lambda items, **_: items)


def _ordered(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: int(item["doc_id"]))


def _manager(task: UtilityTask, folder: Path) -> tuple[Any, Any]:
    """lm-eval's index of tasks, and the task in it: its name, or itself.

    Only the task's own folder is indexed: all of them are thousands of files.
    """
    if task.asset is not None:
        name, made = packaged(task, folder)
        return _index(folder), made or name
    there, _, name = task.lm_eval.rpartition("/")
    with as_file(files("lm_eval") / "tasks" / there) as own:
        return _index(own), name


def _index(folder: Path) -> Any:
    return TaskManager(include_path=str(folder), include_defaults=False)
