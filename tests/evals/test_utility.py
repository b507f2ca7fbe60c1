"""Utility: packaged questions, answers kept one by one, endpoints."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command import call, told
from http_server import Answer, Request, Server, models, of_json
from utility_sets import FOUR, ROWS, Babble, use_stand_ins

from advgame import assets
from advgame.evals import packaged, utility
from advgame.evals.catalog import UTILITY
from advgame.evals.harness import Answers
from advgame.judges.cache import VerdictCache
from advgame.seeds.rows import read_file

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_stand_ins(tmp_path, monkeypatch)


def measured(capsys: Captured, *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert call("eval", *arguments, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


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


@pytest.mark.assets
@pytest.mark.parametrize(
    ("asset", "questions"),
    [
        ("openbookqa", 500),
        ("mmlu", 2850),
        ("piqa", 1500),
        ("bigbench-causal-judgment", 187),  # three are the harness's examples
        ("bigbench-disambiguation", 252),  # likewise, and three have a fourth option
    ],
)
def test_the_packaged_rows_are_questions_of_the_task(
    asset: str, questions: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()  # the real rows
    rows = assets.path(asset)
    monkeypatch.setattr(assets, "path", lambda name: rows)
    monkeypatch.setattr(assets, "cache_dir", lambda: tmp_path)
    source = packaged.SOURCES[asset]
    assert len(packaged._data(asset, source).read_text().splitlines()) == questions
    # The harness's examples are of the set that it asks itself: word for word as we put them.
    made = [row["input"] for row in map(source.row, read_file(rows)) if row and "input" in row]
    assert set(packaged._examples(source)) <= set(made)


def test_ifbench_is_checked_by_its_checkers(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("if_verifiable", reason="the extra ifbench")
    found = utility.scores(UTILITY["ifbench"], Babble(), None)
    assert sorted(found.values()) == [1.0, 1.0, 1.0]  # two and three words of 2 to 9
    doc = {**ROWS["ifbench"][0], "kwargs": json.dumps([{"min_words": 20, "max_words": 30}])}
    assert packaged._check_ifbench(doc, ["too short"])["prompt_level_loose_acc"] == 0.0

    def stumble(*_: Any, **__: Any) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr("if_verifiable.evaluate_output_for_sample", stumble)
    assert packaged._check_ifbench(doc, ["..."])["prompt_level_loose_acc"] == 0.0

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


def test_a_question_that_does_not_fit_the_model_is_unscored(capsys: Captured) -> None:
    """The harness would cut its beginning off and score what is left."""
    long = {"question": "very " * 500, "options": FOUR, "answer": "A. x"}
    ROWS["openbookqa"].append(long)
    try:
        found = measured(capsys, "tiny-random", "--task", "openbookqa")["tasks"]["openbookqa"]
    finally:
        ROWS["openbookqa"].remove(long)
    assert (found["n"], found["unscored"]) == (12, 1)


def test_replies_that_leave_no_room_for_a_prompt_are_refused(capsys: Captured) -> None:
    assert call("eval", "tiny-random", "--task", "ifeval", "--max-tokens", "2048") == 2
    assert "replies of 2048 tokens leave no room" in told(capsys.readouterr().err)


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
