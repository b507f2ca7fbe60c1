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
from advgame.config.game import SeedsConfig
from advgame.errors import SeedError
from advgame.evals.catalog import PairwiseTask
from advgame.evals.questions import Part
from advgame.seeds.load import load
from advgame.seeds.rows import read_file, read_json
from advgame.seeds.splits import seed_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """A prompt, and the reply to beat; None where a reference model is to give it."""

    id: str
    prompt: str
    reference: str | None
    category: str = ""


def contests(task: PairwiseTask, limit: int | None, part: Part = "test") -> tuple[Contest, ...]:
    """The first `limit` prompts of a task, in an order that is a function of the texts alone.

    `part` is of our own prompts; public sets are no seeds, and are asked whole.

    Raises:
        SeedError: the set is not what was expected.
        AssetError: it cannot be had.
    """
    found = {seed_id(each.prompt): each for each in _READERS[task.source](part)}
    return tuple(found[key] for key in islice(sorted(found), limit))


def _alpaca_eval(part: Part) -> Iterator[Contest]:
    path = assets.path("alpaca-eval")
    for row in _fields(path, read_json(path), ("instruction", "output", "dataset")):
        yield _contest(row["instruction"], row["output"], row["dataset"])


def _arena_hard(part: Part) -> Iterator[Contest]:
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


def _everyday(part: Part) -> Iterator[Contest]:
    config = SeedsConfig(harmful=(), benign=("benign-everyday",))
    for seed in load(config, None if part == "all" else part).benign:
        yield _contest(seed.text, None, "")


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
_READERS: Final[dict[str, Callable[[Part], Iterator[Contest]]]] = {
    "alpaca-eval": _alpaca_eval,
    "arena-hard": _arena_hard,
    "benign-everyday": _everyday,
}
