"""Questions of utility tasks: packaged rows, the hub's rows, and lm-eval without us."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import datasets
import lm_eval
import pytest
from lm_eval import evaluator
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

from advgame.evals import provider, utility
from advgame.models import network

FOUR = "A. red\nB. a blue one\nC. green\nD. none"
ROWS: dict[str, list[dict[str, Any]]] = {
    "openbookqa": [
        {"question": f"What colour has thing {n}? ", "options": FOUR, "answer": f"{right}. x"}
        for n, right in enumerate("ABCDABCDABCD")
    ],
    "piqa": [
        {"question": f"open tin {n}", "options": "A. with care\nB. with a key", "answer": f"{a}. x"}
        for n, a in enumerate("ABABAB")
    ],
    "bigbench-causal-judgment": [
        {"passage": f"Ball {n} hit ball {n + 1}", "question": "Did it?", "answer": answer}
        for n, answer in enumerate(["Yes", "No", "No", "Yes"])
    ],
    "bigbench-disambiguation": [
        {
            "question": f"Sam met {n}.",
            "options": "A. one\nB. two\nC. Ambiguous",
            "answer": f"{a}. x",
        }
        for n, a in enumerate("ABCABC")
    ],
    "ifeval": [
        {
            "key": n,
            "prompt": f"Say something without commas, number {n}.",
            "instruction_id_list": ["punctuation:no_comma", "detectable_format:title"],
            "kwargs": [{}, {}],
        }
        for n in range(3)
    ],
    "ifbench": [
        {
            "key": str(n),
            "prompt": f"Say something about boat {n}.",
            "instruction_id_list": ["count:word_count_range"],
            "kwargs": [{"min_words": 2.0, "max_words": 9.0, "N": None}],
        }
        for n in range(3)
    ],
}
ROWS["mmlu"] = ROWS["openbookqa"]


def use_stand_ins(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Read `ROWS` for the packaged questions, and keep what is written in `folder`."""
    patch.chdir(folder)
    patch.setattr(provider, "cache_dir", lambda: folder / "cache")
    patch.setattr(network, "_multiplies_bfloat16", lambda: False)
    patch.setattr(utility.assets, "cache_dir", lambda: folder / "cache")
    patch.setattr(utility.assets, "path", lambda name: stand_in(folder, name))


def stand_in(folder: Path, name: str) -> Path:
    if name == "nltk-data":  # empty, but there: nothing is fetched, and nothing here needs it
        for each in ("tokenizers/punkt_tab", "tokenizers/punkt", "corpora/stopwords"):
            (folder / each).mkdir(parents=True, exist_ok=True)
        (folder / "taggers/averaged_perceptron_tagger_eng").mkdir(parents=True, exist_ok=True)
        return folder
    path = folder / f"{name}.jsonl"
    if name in ROWS:
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS[name]))
    return path


# Rows as lm-eval's own task reads them from the hub: the same questions as `ROWS`.
HUB: dict[str, list[dict[str, Any]]] = {
    "openbookqa": [
        {
            "question_stem": row["question"].strip(),
            "choices": {"text": ["red", "a blue one", "green", "none"], "label": list("ABCD")},
            "answerKey": row["answer"][0],
        }
        for row in ROWS["openbookqa"]
    ],
    "piqa": [
        {
            "goal": row["question"],
            "sol1": "with care",
            "sol2": "with a key",
            "label": "AB".index(row["answer"][0]),
        }
        for row in ROWS["piqa"]
    ],
    "bbh-causal-judgement": [
        {
            "input": "How would a typical person answer each of the following questions about "
            f"causation?\n{row['passage']}. Did it?\nOptions:\n- Yes\n- No",
            "target": row["answer"],
        }
        for row in ROWS["bigbench-causal-judgment"]
    ],
    "bbh-disambiguation": [
        {
            "input": "In the following sentences, explain the antecedent of the pronoun (which "
            "thing the pronoun refers to), or state that it is ambiguous.\n"
            f"Sentence: Sam met {n}.\nOptions:\n(A) one\n(B) two\n(C) Ambiguous",
            "target": f"({row['answer'][0]})",
        }
        for n, row in enumerate(ROWS["bigbench-disambiguation"])
    ],
    "ifeval": ROWS["ifeval"],
    "mmlu-sample": [
        {
            "question": row["question"],
            "choices": ["red", "a blue one", "green", "none"],
            "answer": "ABCD".index(row["answer"][0]),
        }
        for row in ROWS["mmlu"]
    ],
}


class Babble(LM):
    """A model of lm-eval whose probabilities and texts are a function of what it is asked."""

    tokenizer_name = "none"

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Any, ...]] = []

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        self.asked += [each.args for each in requests]
        return [(-float(sum(map(ord, "".join(each.args))) % 97), False) for each in requests]

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> Any:
        raise NotImplementedError

    def apply_chat_template(self, chat_history: Any, add_generation_prompt: bool = True) -> str:
        return str(chat_history)

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        self.asked += [each.args for each in requests]
        return ["a, b" if "1" in each.args[0] else "<<Boats>> are slow" for each in requests]

    def scored(self, scores: Sequence[float]) -> dict[str, float]:
        """By prompt: what was asked in this order got these scores."""
        prompts = dict.fromkeys(args[0] for args in self.asked)
        return dict(zip(prompts, scores, strict=True))


def harness_alone(
    where: str, task: Any, metric: str, rows: Sequence[Any], model: Any, **how: Any
) -> list[float]:
    """What lm-eval gives each item by its own task file, read from its own folder `where`.

    `rows` stand for what it would load from the hub; nothing else is replaced.
    """
    data = datasets.Dataset.from_list(list(rows))
    splits = datasets.DatasetDict(dict.fromkeys(("train", "validation", "dev", "test"), data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "load_dataset", lambda *_, **__: splits)
        patch.setattr(evaluator, "add_env_info", lambda results: None)  # takes seconds
        found = lm_eval.simple_evaluate(
            model=model,
            tasks=[task],
            task_manager=TaskManager(
                include_path=str(files("lm_eval") / "tasks" / where), include_defaults=False
            ),
            bootstrap_iters=0,
            **how,
        )
    (items,) = found["samples"].values()
    return [float(each[metric]) for each in sorted(items, key=lambda each: int(each["doc_id"]))]
