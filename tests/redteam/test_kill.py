"""kill -9 in the middle of a campaign: nothing that was answered is asked again."""

from __future__ import annotations

import json
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command import call
from http_server import Answer, Request, Server
from redteam.talker import NO, findings, reply, said, seeds
from warm import Command

LINE = (
    "--seeds", "seeds.jsonl", "--judge", "patterns", "--attempts", "3", "--max-tokens", "8",
    "--strategy", "templates", "--strategy", "multi-turn", "--concurrency", "2", "--out", "out",
)  # fmt: skip


def test_killed_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds(4)
    arrived = threading.Semaphore(0)
    stopped = threading.Event()

    def answer(request: Request) -> Answer:
        arrived.release()
        # The answers that come while it is killed do not arrive.
        return Answer(seconds=0 if stopped.is_set() else 0.05, **vars_of(reply(NO)))

    with Server(answer).running() as server:
        target = f"openai:m@{server.base_url}"
        killed = Command("redteam", "--target", target, *LINE, log=tmp_path / "log")
        for _ in range(9):
            assert arrived.acquire(timeout=240)
        killed.signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        stopped.set()
        # Steps of the ramp are the same for every seed: a talk is known by how it opened.
        openings = {row["sent"]: row["prompt"] for row in rows("sent") if row["turn"] == 0}
        answered = [
            (openings[row["sent"]], row["prompt"])
            for row in rows("sent")
            if row["key"] in keys("answered")
        ]
        assert len(answered) >= 6
        with Path("out/findings.jsonl").open("a") as torn:
            torn.write('{"id": "templates/')  # as if it had been killed while it wrote
        assert call("redteam", "--target", target, *LINE, "--resume") == 0
        # One that was cut off before its body was sent asked nothing.
        asked = Counter(
            (each.body["messages"][0]["content"], said(each))
            for each in server.requests
            if each.body
        )
    assert [asked[prompt] for prompt in answered] == [1] * len(answered)
    assert len(asked) == 24
    assert sum(asked.values()) - 24 <= 2  # what was under way when it was killed
    found = findings()
    assert len(found) == len({row.id for row in found}) == 16
    assert sum(row.requests for row in found) == 24


def rows(event: str) -> list[dict[str, Any]]:
    """The lines of requests.jsonl of one kind that are whole, each with a key of its request."""
    lines = Path("out/requests.jsonl").read_text("utf-8").splitlines(keepends=True)
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [row | {"key": (row[event], row["turn"])} for row in found if event in row]


def keys(event: str) -> set[tuple[str, int]]:
    return {row["key"] for row in rows(event)}


def vars_of(answer: Answer) -> dict[str, Any]:
    return {"status": answer.status, "body": answer.body}
