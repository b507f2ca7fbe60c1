"""Utility: lm-eval's own numbers on the same items, kept answer by answer."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import pytest
from command import call
from http_server import Answer, Request, Server, models, of_json

from advgame.evals import harness, packaged, provider, utility
from advgame.evals.catalog import UTILITY, UtilityTask
from advgame.evals.harness import Answers
from advgame.judges.cache import VerdictCache
from advgame.models import network, tiny

Captured = pytest.CaptureFixture[str]

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


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(provider, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(network, "_multiplies_bfloat16", lambda: False)
    monkeypatch.setattr(utility.assets, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(utility.assets, "path", lambda name: stand_in(tmp_path, name))


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


def measured(capsys: Captured, *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert call("eval", *arguments, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


CHOSEN = ("openbookqa", "mmlu-sample")


def test_the_number_is_lm_evals_own(tmp_path: Path, capsys: Captured) -> None:
    """The same items through `advgame eval` and through lm-eval's own loader of models."""
    tokenizer = tiny.tiny_tokenizer()
    tiny.tiny_model(tokenizer).save_pretrained("model")
    tokenizer.save_pretrained("model")
    line = ["model", "--limit", "10", *(word for name in CHOSEN for word in ("--task", name))]
    capsys.readouterr()
    assert call("eval", *line, "--json") == 0
    out, err = capsys.readouterr()
    assert "it/s" not in err  # no bar of lm-eval's beside ours
    found = json.loads(out)
    loader = f"pretrained={tmp_path / 'model'},dtype=float32,device=cpu"
    for name in CHOSEN:
        theirs = utility.scores(UTILITY[name], "hf", 10, model_args=loader)
        row = found["tasks"][name]
        assert row["outcomes"] == {f"{item}-0": bool(score) for item, score in theirs.items()}
        assert row["value"] == sum(theirs.values()) / len(theirs)
        assert (row["n"], row["unscored"]) == (len(theirs), 0)
        assert row["cost"]["prompt_tokens"] > 0
    assert 0 < found["tasks"]["openbookqa"]["value"] < 1
    again = measured(capsys, *line)
    for name in CHOSEN:
        assert again["tasks"][name]["outcomes"] == found["tasks"][name]["outcomes"]
        assert again["tasks"][name]["cost"]["prompt_tokens"] == 0
        assert again["tasks"][name]["cost"]["from_cache"] > 0


class Babble(harness.LM):
    """A model of lm-eval whose probabilities and texts are a function of what it is asked."""

    tokenizer_name = "none"

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        return [(-float(sum(map(ord, "".join(each.args))) % 97), False) for each in requests]

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> Any:
        raise NotImplementedError

    def apply_chat_template(self, chat_history: Any, add_generation_prompt: bool = True) -> str:
        return str(chat_history)

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        return ["a, b" if "1" in each.args[0] else "<<Boats>> are slow" for each in requests]


# Rows as lm-eval's own task reads them from the hub: the same questions as `ROWS`.
HUB: dict[str, list[dict[str, Any]]] = {
    "openbookqa": [
        {
            "id": str(n),
            "question_stem": row["question"].strip(),
            "choices": {"text": ["red", "a blue one", "green", "none"], "label": list("ABCD")},
            "answerKey": row["answer"][0],
        }
        for n, row in enumerate(ROWS["openbookqa"])
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
    "ifeval": ROWS["ifeval"],
}


@pytest.mark.parametrize("name", HUB)
def test_a_packaged_task_asks_what_the_harness_asks(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our rows through our task, and hub rows through lm-eval's own: item by item the same."""
    ours = utility.scores(UTILITY[name], Babble(), None)
    rows = datasets.Dataset.from_list(HUB[name])
    splits = datasets.DatasetDict(dict.fromkeys(("train", "validation", "test"), rows))
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: splits)
    its_own = UtilityTask(name=name, lm_eval=UTILITY[name].lm_eval, metric=UTILITY[name].metric)
    theirs = utility.scores(its_own, Babble(), None)
    assert sorted(theirs.values()) == sorted(ours.values())
    assert len(set(ours.values())) == 2  # some right, some wrong


def test_the_harness_examples_are_no_questions() -> None:
    source = packaged.SOURCES["bigbench-causal-judgment"]
    assert len(packaged._examples(source)) == 3
    (text, *_) = packaged._examples(source)
    passage = text.removeprefix(
        "How would a typical person answer each of the following questions about causation?\n"
    ).partition(" Did Frank")[0]
    row = {"passage": passage, "question": "Did Frank T. intentionally shoot his neighbor in the "
           "body?", "answer": "No"}  # fmt: skip
    ROWS["bigbench-causal-judgment"].append(row)
    try:
        path = packaged._data("bigbench-causal-judgment", source)
    finally:
        ROWS["bigbench-causal-judgment"].pop()
    assert "neighbor" not in path.read_text()


def test_ifbench_is_checked_by_its_checkers(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("if_verifiable", reason="the extra ifbench")
    found = utility.scores(UTILITY["ifbench"], Babble(), None)
    assert sorted(found.values()) == [1.0, 1.0, 1.0]  # two and three words of 2 to 9
    doc = {**ROWS["ifbench"][0], "kwargs": json.dumps([{"min_words": 20, "max_words": 30}])}
    assert packaged._check_ifbench(doc, ["too short"])["prompt_level_loose_acc"] == 0.0

    def lack(*_: Any, **__: Any) -> None:
        raise LookupError("no tagger")

    monkeypatch.setattr("if_verifiable.evaluate_output_for_sample", lack)
    assert math.isnan(packaged._check_ifbench(doc, ["a"])["prompt_level_loose_acc"])


def test_answers_are_kept_one_by_one(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    asked: list[str] = []

    def requests(*texts: str) -> list[Any]:
        return [SimpleNamespace(args=(text, {"max_gen_toks": 3})) for text in texts]

    def ask(some: list[Any]) -> list[str]:
        asked.extend(each.args[0] for each in some)
        if "stop" in asked:
            raise KeyboardInterrupt
        return [each.args[0].upper() for each in some]

    def answers(of: str | None = "model") -> Answers:
        return Answers(
            of, VerdictCache(tmp_path / "kept"), lambda done, all_: told.append((done, all_))
        )

    with pytest.raises(KeyboardInterrupt):
        answers().get("generate", requests("long one", "longer one", "stop"), ask, 1)
    assert asked == ["longer one", "long one", "stop"]
    assert told[-1] == (2, 3)
    asked.clear()
    again = answers()
    assert again.get("generate", requests("long one", "new", "new"), ask, 2) == [
        "LONG ONE",
        "NEW",
        "NEW",
    ]
    assert (asked, again.from_cache) == (["new"], 1)
    asked.clear()
    assert answers("other").get("generate", requests("new"), ask, 2) == ["NEW"]
    assert answers(None).get("generate", requests("new"), ask, 2) == ["NEW"]
    assert asked == ["new", "new"]


def test_an_endpoint_writes_and_shows_no_probabilities(capsys: Captured) -> None:
    def answer(request: Request) -> Answer:
        if request.path.endswith("/models"):
            return models("served")
        assert request.body["max_tokens"] == 16
        text = "<<Boats>> are slow"
        return of_json(
            {
                "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 9},
            }
        )

    with Server(answer).running() as server:
        who = f"openai:served@{server.base_url}"
        found = measured(capsys, who, "--task", "ifeval", "--max-tokens", "16")
        assert found["tasks"]["ifeval"]["value"] == 1.0
        cost = found["tasks"]["ifeval"]["cost"]
        assert (cost["prompt_tokens"], cost["reply_tokens"]) == (15, 27)
        asked = len(server.requests)
        again = measured(capsys, who, "--task", "ifeval", "--max-tokens", "16")
        assert again["tasks"]["ifeval"]["cost"]["from_cache"] == 3
        assert again["tasks"]["ifeval"]["cost"]["prompt_tokens"] == 0
        assert len(server.requests) == asked + 1  # only whether it is there
        assert call("eval", who, "--task", "openbookqa") == 2
        assert "does not show the probabilities" in capsys.readouterr().err
