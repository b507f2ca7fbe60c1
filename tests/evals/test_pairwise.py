"""Replies compared with a reference's: both orders, length apart, no judge that sees one alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import call, told
from http_server import Answer, Request, Server, models, of_json
from inspect_ai.log import read_eval_log
from inspect_ai.scorer import Score

from advgame.config.game import SeedsConfig
from advgame.evals import contests as contests_of
from advgame.evals import judging, pairwise, provider
from advgame.evals.catalog import PAIRWISE
from advgame.evals.contests import contests
from advgame.models import network
from advgame.seeds.load import load
from advgame.types import Judgement

Captured = pytest.CaptureFixture[str]
OF_REFERENCE = ("reference_prompt_tokens", "reference_reply_tokens")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for module in (provider, judging):
        monkeypatch.setattr(module, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(network, "_multiplies_bfloat16", lambda: False)
    monkeypatch.setattr(contests_of.assets, "path", lambda name: stand_in(tmp_path, name))


def stand_in(folder: Path, name: str) -> Path:
    if name == "alpaca-eval":
        path = folder / "alpaca.json"
        rows = [
            {"dataset": "ab"[n % 2], "instruction": f"Describe boat {n}.", "output": f"Boat {n}."}
            for n in range(6)
        ]
        path.write_text(json.dumps(rows))
        return path
    (folder / "model_answer").mkdir(exist_ok=True)
    asked = [("1", "hard_prompt"), ("2", "creative_writing"), ("3", "creative_writing")]
    rows = [{"uid": uid, "category": kind, "prompt": f"Write {uid}."} for uid, kind in asked]
    (folder / "question.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for model, uids in (("o3-mini-2025-01-31", "123"), ("gemini-2.0-flash-001", "12")):
        answers = (
            {"uid": uid, "messages": [{}, {"content": {"answer": f"{model} on {uid}"}}]}
            for uid in uids
        )
        path = folder / "model_answer" / f"{model}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in answers))
    return folder


def test_each_set_brings_its_own_baseline() -> None:
    alpaca = contests(PAIRWISE["alpaca-eval"], 4)
    assert len(alpaca) == 4
    assert alpaca == contests(PAIRWISE["alpaca-eval"], None)[:4]
    assert all(each.reference and each.reference[:-1] in each.prompt.title() for each in alpaca)
    arena = contests(PAIRWISE["arena-hard"], None)
    assert {each.reference for each in arena} == {
        "o3-mini-2025-01-31 on 1",
        "gemini-2.0-flash-001 on 2",
    }  # what a baseline did not answer is left out
    own = contests(PAIRWISE["everyday-pairwise"], None)
    assert len(own) > 30
    assert all(each.reference is None for each in own)


def test_everyday_prompts_are_no_training_seeds() -> None:
    task = PAIRWISE["everyday-pairwise"]
    config = SeedsConfig(harmful=(), benign=("benign-everyday",))
    trained = {seed.text for seed in load(config, "train").benign}
    asked = {each.prompt for each in contests(task, None)}
    assert asked == {seed.text for seed in load(config, "test").benign}
    assert not asked & trained
    assert {each.prompt for each in contests(task, None, "all")} > asked | trained


def test_a_judge_that_follows_the_place_prefers_nobody() -> None:
    def word(first: float, second: float) -> Judgement:
        details = {"shown_first": first, "shown_second": second}
        return Judgement(value=(first + second) / 2, details=details)

    assert pairwise._orders(word(8, 2), word(8, 2)) == [1.0, 0.0]  # the first is always better
    assert pairwise._orders(word(8, 8), word(2, 2)) == [1.0, 1.0]
    assert pairwise._orders(word(5, 3), word(3, 5)) == [0.5, 0.5]
    assert pairwise._orders(Judgement(value=2.0), Judgement(value=7.0)) == [0.0]


def judge(prefers: str) -> Any:
    """An endpoint that answers as a model, and judges a reply with `prefers` in it the better."""

    def answer(request: Request) -> Answer:
        if request.path.endswith("/models"):
            return models("served")
        text = request.body["messages"][-1]["content"]
        if "two replies" in text:
            first = text.rindex(prefers) < text.rindex("Boat") if prefers in text else False
            content = f"So.\nVerdict: A={9 if first else 2} B={2 if first else 9}"
        else:
            content = "A long reply about a very special vessel."
        message = {"role": "assistant", "content": content}
        return of_json(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": "served",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14},
            }
        )

    return answer


def test_replies_are_compared_in_both_orders(capsys: Captured) -> None:
    with Server(judge("vessel")).running() as server:
        who = f"openai:served@{server.base_url}"
        line = ("eval", who, "--task", "alpaca-eval", "--judge", who, "--limit", "4", "--json")
        assert call(*line) == 0
        report = json.loads(capsys.readouterr().out)
        judged = [r for r in server.requests if "two replies" in json.dumps(r.body)]
        assert len(judged) == 8
    row = report["tasks"]["alpaca-eval"]
    assert (row["value"], row["n"], row["unscored"], row["counts"]) == (1.0, 4, 0, "win_rate")
    assert row["position_bias"] == 0.0
    assert row["characters"]["model"] > row["characters"]["reference"]
    assert row["length_controlled"]["n"] == 4
    assert set(row["outcomes"].values()) == {1.0}
    assert row["cost"]["judge_tokens"] == 8 * (5 + 9)  # read and written, by its usage
    log = read_eval_log(str(Path(report["logs"]) / row["log"]))
    assert log.results.scores[0].metrics["value"].value == 1.0


def test_a_model_against_itself_is_even(capsys: Captured) -> None:
    Path("judge.yaml").write_text("type: rule\n")
    line = "eval tiny-random --task everyday-pairwise --judge judge.yaml --max-tokens 4 --limit 3"
    assert call(*line.split()) == 2
    assert "--reference MODEL" in told(capsys.readouterr().err)
    assert call(*line.split(), "--reference", "tiny-random", "--json") == 0
    row = json.loads(capsys.readouterr().out)["tasks"]["everyday-pairwise"]
    assert (row["value"], row["n"], row["reference"]) == (0.5, 3, "tiny-random")
    cost = row["cost"]
    assert cost["from_cache"] == 3  # the reference drew the same replies before
    assert (cost["prompt_tokens"], cost["reply_tokens"]) == (0, 0)
    assert 0 < cost["reference_reply_tokens"] <= 3 * 4 < cost["reference_prompt_tokens"]


def test_the_replies_of_a_reference_behind_an_endpoint_are_counted_and_kept(
    capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "inspect"))
    Path("judge.yaml").write_text("type: rule\n")
    line = "eval tiny-random --task everyday-pairwise --judge judge.yaml --max-tokens 4 --limit 3"
    with Server(judge("vessel")).running() as server:

        def once(*more: str) -> tuple[dict[str, Any], int]:
            before = len(server.requests)
            assert call(*line.split(), "--reference", f"openai:served@{server.base_url}",
                        "--json", *more) == 0  # fmt: skip
            report = json.loads(capsys.readouterr().out)
            row = report["tasks"]["everyday-pairwise"]
            assert {key: report["cost"][key] for key in OF_REFERENCE} == {
                key: row["cost"][key] for key in OF_REFERENCE
            }
            return row, len(server.requests) - before - 1  # one asks whether it is there

        first, asked = once()
        assert asked == 3
        assert [first["cost"][key] for key in OF_REFERENCE] == [15, 27]
        assert (first["n"], first["unscored"], first["cost"]["from_cache"]) == (3, 0, 0)
        again, asked = once()
        assert asked == 0
        assert [again["cost"][key] for key in OF_REFERENCE] == [0, 0]
        assert again["cost"]["from_cache"] == 6  # the model's, too
        assert again["outcomes"] == first["outcomes"]
        _, asked = once("--no-cache")
        assert asked == 3


def test_what_the_reference_does_not_answer_is_unscored(capsys: Captured) -> None:
    answer = judge("vessel")

    def sometimes(request: Request) -> Answer:
        text = json.dumps(request.body.get("messages", ""))
        return of_json({"error": "no"}, status=400) if text in refused else answer(request)

    prompts = [each.prompt for each in contests(PAIRWISE["everyday-pairwise"], 3)]
    refused = {json.dumps([{"role": "user", "content": prompts[0]}])}
    Path("judge.yaml").write_text("type: rule\n")
    line = "eval tiny-random --task everyday-pairwise --judge judge.yaml --max-tokens 4 --limit 3"
    with Server(sometimes).running() as server:
        who = f"openai:served@{server.base_url}"
        assert call(*line.split(), "--reference", who, "--json", "--no-cache") == 0
    row = json.loads(capsys.readouterr().out)["tasks"]["everyday-pairwise"]
    assert (row["n"], row["unscored"], len(row["outcomes"])) == (2, 1, 3)


def test_a_prompt_that_the_reference_has_no_room_for_is_unscored(
    capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.json"
    rows = [
        {"dataset": "a", "instruction": text, "output": "Boat."}
        for text in ("Describe boats.", "x" * 3000)  # tiny-random has 2,048 positions
    ]
    path.write_text(json.dumps(rows))
    monkeypatch.setattr(contests_of.assets, "path", lambda name: path)
    Path("judge.yaml").write_text("type: rule\n")
    with Server(judge("vessel")).running() as server:
        line = ("eval", f"openai:served@{server.base_url}", "--task", "alpaca-eval", "--judge",
                "judge.yaml", "--reference", "tiny-random", "--max-tokens", "4")  # fmt: skip
        assert call(*line, "--no-cache", "--json") == 0
    row = json.loads(capsys.readouterr().out)["tasks"]["alpaca-eval"]
    assert (row["n"], row["unscored"]) == (1, 1)


def test_what_was_not_compared_has_no_length() -> None:
    notes = {"characters": 40, "reference_characters": 20}
    compared = Score(value=1.0, metadata=notes)
    found = pairwise.summary([compared, Score.unscored(reason="no_response")])
    assert found["characters"] == {"model": 40, "reference": 20}
    assert (found["n"], found["unscored"]) == (1, 1)


def test_a_judge_of_single_replies_is_refused(capsys: Captured) -> None:
    assert call("eval", "tiny-random", "--task", "alpaca-eval", "--judge", "patterns") == 2
    assert "cannot compare replies" in told(capsys.readouterr().err)
