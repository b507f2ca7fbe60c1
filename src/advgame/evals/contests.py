"""What two models are compared on: prompts, and the replies that a set's baseline gave.

AlpacaEval 2 brings the replies of GPT-4 Turbo, Arena-Hard v2 those of o3-mini and, for creative
writing, of Gemini 2.0 Flash. `everyday-pairwise` has our own prompts and no replies: name whose
with a reference model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from advgame import assets
from advgame.errors import SeedError
from advgame.evals.catalog import PairwiseTask
from advgame.seeds.rows import read_file, read_json
from advgame.seeds.sets import read_set
from advgame.seeds.splits import seed_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """A prompt, and the reply to beat; None where a reference model is to give it."""

    id: str
    prompt: str
    reference: str | None
    category: str = ""


def contests(task: PairwiseTask, limit: int | None) -> tuple[Contest, ...]:
    """The first `limit` prompts of a task, in an order that is a function of the texts alone.

    Raises:
        SeedError: the set is not what was expected.
        AssetError: it cannot be had.
    """
    found = {seed_id(each.prompt): each for each in _READERS[task.source]()}
    return tuple(found[key] for key in islice(sorted(found), limit))


def _alpaca_eval() -> Iterator[Contest]:
    path = assets.path("alpaca-eval")
    for row in _fields(path, read_json(path), ("instruction", "output", "dataset")):
        yield _contest(row["instruction"], row["output"], row["dataset"])


def _arena_hard() -> Iterator[Contest]:
    folder = assets.path("arena-hard")
    answers = {
        category: dict(_answers(folder / "model_answer" / f"{model}.jsonl"))
        for category, model in _BASELINES.items()
    }
    path = folder / "question.jsonl"
    for row in _fields(
        path, (row.fields for row in read_file(path)), ("uid", "category", "prompt")
    ):
        reply = answers.get(row["category"], {}).get(row["uid"])
        if reply is not None:  # the baseline left two unanswered
            yield _contest(row["prompt"], reply, row["category"])


def _answers(path: Path) -> Iterator[tuple[str, str]]:
    for row in _fields(path, (row.fields for row in read_file(path)), ("uid", "messages")):
        yield row["uid"], row["messages"][-1]["content"]["answer"]


def _everyday() -> Iterator[Contest]:
    for row in read_set("benign-everyday"):
        yield _contest(row.fields["text"], None, "")


def _contest(prompt: str, reference: str | None, category: str) -> Contest:
    return Contest(id=seed_id(prompt), prompt=prompt, reference=reference, category=category)


def _fields(path: Path, rows: Any, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or not all(name in row for name in names):
            raise SeedError(f"{path}:{number}: without the fields {', '.join(names)}")
        yield row


_BASELINES: Final = {
    "hard_prompt": "o3-mini-2025-01-31",
    "creative_writing": "gemini-2.0-flash-001",
}
_READERS: Final[dict[str, Callable[[], Iterator[Contest]]]] = {
    "alpaca-eval": _alpaca_eval,
    "arena-hard": _arena_hard,
    "benign-everyday": _everyday,
}
