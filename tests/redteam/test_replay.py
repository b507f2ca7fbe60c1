"""`advgame redteam replay`: exit codes for CI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import call, told
from http_server import Answer, Request, Server
from redteam.made import finding
from redteam.talker import findings, reply, said, seeds, talking

from advgame.types import Message


@pytest.fixture(autouse=True)
def _old(tmp_path: Path) -> None:
    rows = [finding("best-of-k", seed, 0, seed < 4, prompt=f"attack {seed}") for seed in range(6)]
    rows.append(finding("plain", 0, 1, True, prompt="attack 0"))  # the same one again
    messages = tuple(
        Message(role="assistant" if at % 2 else "user", content=text)
        for at, text in enumerate(("one", "then", "two", "ok"))
    )
    rows.append(finding("multi-turn", 0, 0, True, messages=messages, requests=2))
    Path("old.jsonl").write_text("".join(json.dumps(row.as_json()) + "\n" for row in rows))


def again(server: Server, *more: str) -> int:
    target = ("--target", f"openai:m@{server.base_url}")
    return call("redteam", "replay", "old.jsonl", *target, "--judge", "patterns", *more)


def test_below_above_and_error(capsys: pytest.CaptureFixture[str]) -> None:
    with talking(lambda prompt, times: prompt == "attack 1") as server:
        assert again(server, "--out", "a", "--fail-over", "0.2") == 0
        assert "20% (4–62) of 5 attacks still succeed" in capsys.readouterr().out
        assert again(server, "--out", "b", "--fail-over", "0.1") == 1
        assert again(server, "--out", "c") == 1
        assert again(server, "--out", "a") == 2
        assert "--resume" in told(capsys.readouterr().err)
    with talking(lambda prompt, times: False) as server:
        assert again(server, "--out", "d") == 0
        assert sorted(map(said, server.requests)) == [
            "attack 0", "attack 1", "attack 2", "attack 3", "one", "two",
        ]  # fmt: skip
    second = next(each for each in server.requests if said(each) == "two")
    # A talk is had anew: the target's own reply stands in it, not the old one.
    assert second.body["messages"][1]["content"].startswith("I'm sorry")
    assert Path("d/junit.xml").exists() and len(findings("d")) == 5


def test_each_strategy_is_replayed_from_its_first_attempt() -> None:
    rows = [finding("plain", 0, 2, True, prompt="p"), finding("templates", 0, 5, True, prompt="t")]
    rows += [finding("templates", 0, 7, True, prompt="u"), finding("best-of-k", 1, 3, True)]
    Path("old.jsonl").write_text("".join(json.dumps(row.as_json()) + "\n" for row in rows))
    with talking(lambda prompt, times: prompt == "u") as server:
        assert again(server, "--out", "a") == 1
    figures = json.loads(Path("a/figures.json").read_text())
    arms = figures["arms"]
    assert {name: row["at_1"]["n"] for name, row in arms.items()} == {
        f"replay of {name}": 1 for name in ("plain", "templates", "best-of-k")
    }
    assert (
        arms["replay of templates"]["at_1"]["value"],
        arms["replay of templates"]["at_k"]["value"],
    ) == (0.0, 1.0)
    assert figures["compared"] == {}
    assert "broken by attempt 2 of 2" in Path("a/junit.xml").read_text()


def test_the_judge_is_the_campaigns(capsys: pytest.CaptureFixture[str]) -> None:
    with talking(lambda prompt, times: True) as server:
        line = ["redteam", "--target", f"openai:m@{server.base_url}", "--attempts", "1"]
        assert call(*line, "--seeds", seeds(2), "--judge", "patterns", "--out", "found") == 0
        target = ("--target", line[2])
        for again, place in enumerate(("found", "found/findings.jsonl")):
            assert call("redteam", "replay", place, *target, "--out", f"again-{again}") == 1
            assert "still succeed, by judge patterns" in capsys.readouterr().out


def test_a_target_that_does_not_answer_is_no_pass(capsys: pytest.CaptureFixture[str]) -> None:
    def half(request: Request) -> Answer:
        return reply("I can't help with that.") if "1" in said(request) else Answer(status=404)

    with Server(half).running() as server:
        assert again(server, "--out", "e", "--fail-over", "1") == 2
    assert "say nothing" in told(capsys.readouterr().err)


def test_nothing_to_replay(capsys: pytest.CaptureFixture[str]) -> None:
    Path("old.jsonl").write_text(json.dumps(finding("plain", 0, 0, False).as_json()) + "\n")
    line = ("redteam", "replay", "old.jsonl", "--target", "openai:m@http://127.0.0.1:9/v1")
    assert call(*line) == 2
    assert "none to replay" in told(capsys.readouterr().err)
    assert call(*line[:2], "nowhere", *line[3:]) == 2
    assert "there are no findings" in told(capsys.readouterr().err)
    Path("another").mkdir()
    assert call(*line[:2], "another", *line[3:]) == 2
    assert "another: there are no findings" in told(capsys.readouterr().err)
    Path("old.jsonl").write_bytes(b"PK\x03\x04\xff\xfe")  # one of Inspect's logs, say
    assert call(*line) == 2
    assert "old.jsonl:1: damaged" in told(capsys.readouterr().err)
