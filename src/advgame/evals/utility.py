"""Utility through lm-evaluation-harness: its tasks, its prompts, its scoring, on our weights.

For data that travel inside packages the harness's own task file is included and only told to read
them, so that a number means what it means there; `scores` is what lm-eval scored, item by item.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import yaml
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from advgame import assets
from advgame.errors import SeedError
from advgame.evals.catalog import UtilityTask
from advgame.evals.target import Loaded
from advgame.judges.cache import VerdictCache
from advgame.metrics.intervals import rate
from advgame.seeds.rows import Row, read_file
from advgame.seeds.splits import seed_id
from advgame.store.atomic import write_text

BATCH = 8
_OPTION: Final = re.compile(r"^([A-Z])\. ?", re.MULTILINE)


def run_utility(task: UtilityTask, loaded: Loaded, limit: int | None) -> dict[str, Any]:
    """Run a task on a loaded model; a task that this model was given before is not run again.

    Returns:
        A rate of right answers with its cost, JSON-ready.

    Raises:
        SeedError: the data cannot be had.
        AssetError: the packaged data cannot be had.
    """
    begun = time.monotonic()
    cache = VerdictCache(assets.cache_dir() / "eval-utility")
    key = f"{loaded.fingerprint} {version('lm-eval')} {task} {limit}"
    kept = cache.get(key) if loaded.fingerprint else None
    found: dict[str, Any] = json.loads(kept) if kept else _run(task, loaded, limit)
    if kept is None and loaded.fingerprint:
        cache.put(key, json.dumps(found))
    return {
        "counts": task.counts,
        **rate([bool(score) for score in found["scores"]]),
        "cost": {
            "prompt_tokens": found["tokens"],
            "seconds": round(time.monotonic() - begun, 1),
            "from_cache": len(found["scores"]) if kept else 0,
        },
    }


def _run(task: UtilityTask, loaded: Loaded, limit: int | None) -> dict[str, Any]:
    with loaded.weights.use(loaded.set_name) as model:
        lm = _Counting(
            pretrained=model,
            tokenizer=loaded.weights.tokenizer,
            device=str(loaded.weights.device),
            batch_size=BATCH,
        )
        return {"scores": scores(task, lm, limit), "tokens": lm.tokens}


class _Counting(HFLM):  # type: ignore[misc]  # lm-eval is not typed for us
    """lm-eval's own model, counting the tokens it is given, padding included."""

    tokens = 0

    def _model_call(self, inps: Any, *rest: Any, **named: Any) -> Any:
        self.tokens += inps.numel()
        return super()._model_call(inps, *rest, **named)


def scores(task: UtilityTask, lm: Any, limit: int | None, model_args: str = "") -> list[float]:
    """What lm-eval gives each item of a task, in the task's order.

    Args:
        task: which.
        lm: a model of lm-eval, or the name of one that it makes from `model_args`.
        limit: the first so many items.
        model_args: as lm-eval's command line takes them.

    Raises:
        SeedError: the data cannot be had.
    """
    with tempfile.TemporaryDirectory() as folder:
        manager, name = _manager(task, Path(folder))
        try:
            found = simple_evaluate(
                model=lm,
                model_args=model_args or None,
                tasks=[name],
                limit=limit,
                task_manager=manager,
                apply_chat_template=task.metric != "acc",  # where it writes, as a chat
                bootstrap_iters=0,
                batch_size=BATCH,
            )
        except (OSError, ValueError, RuntimeError) as error:
            if task.offline:
                raise
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise SeedError(f"{task.name}: its data cannot be had from the hub: {first}") from error
    return [
        float(item[task.metric]) for items in found["samples"].values() for item in _ordered(items)
    ]


def _ordered(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: int(item["doc_id"]))


def _manager(task: UtilityTask, folder: Path) -> tuple[Any, str]:
    """lm-eval's index of tasks and the name of ours in it."""
    if task.asset is None:
        return TaskManager(), task.lm_eval
    row, template, own = PACKAGED[task.asset]
    rows = sorted(
        (row(each) for each in read_file(assets.path(task.asset))),
        key=lambda each: seed_id(json.dumps(each)),  # mixed: files are sorted by subject
    )
    text = "".join(json.dumps(each) + "\n" for each in rows)
    # In a place that stays: `datasets` keeps a copy of its own for every new path.
    name = f"{task.asset}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.jsonl"
    data = assets.cache_dir() / "eval-data" / name
    if not data.is_file():
        write_text(data, text)
    name = f"advgame_{task.name.replace('-', '_')}"
    with as_file(files("lm_eval") / "tasks" / template) as include:
        config = {
            "include": str(include),
            "task": name,
            "dataset_path": "json",
            "dataset_name": None,
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "training_split": None,
            "validation_split": None,
            "fewshot_split": None,
            "test_split": "test",
            "num_fewshot": 0,
            **own,
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        return TaskManager(include_path=str(folder), include_defaults=False), name


def _options(row: Row) -> tuple[list[str], list[str], str]:
    """Letters and texts of a question's options, and the right letter.

    Raises:
        SeedError: the row is not of the form expected.
    """
    pieces = _OPTION.split(row.fields["options"])[1:]
    letters, texts = pieces[::2], [piece.strip() for piece in pieces[1::2]]
    right = str(row.fields["answer"])[:1]
    if letters != list("ABCD") or right not in letters:
        raise SeedError(f"{row.where}: not a question with four options")
    return letters, texts, right


def _openbookqa(row: Row) -> Mapping[str, Any]:
    letters, texts, right = _options(row)
    return {
        "question_stem": row.fields["question"].strip(),
        "choices": {"text": texts, "label": letters},
        "answerKey": right,
    }


def _mmlu(row: Row) -> Mapping[str, Any]:
    letters, texts, right = _options(row)
    return {
        "question": row.fields["question"],
        "choices": texts,
        "answer": letters.index(right),
    }


PACKAGED: Final[dict[str, tuple[Callable[[Row], Mapping[str, Any]], str, dict[str, Any]]]] = {
    "openbookqa": (_openbookqa, "openbookqa/openbookqa.yaml", {}),
    "mmlu": (_mmlu, "mmlu/default/_default_template_yaml", {"fewshot_config": None}),
}
"""Packaged data: from its rows to those of the harness's task, that task's file, and changes."""
