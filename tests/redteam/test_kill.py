"""kill -9 in the middle of a campaign: nothing that was answered is asked again."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from pathlib import Path

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
        before = len(server.requests)
        rows = Path("out/requests.jsonl").read_text("utf-8").splitlines()
        under_way = before - sum('"answered"' in row for row in rows)
        assert 0 <= under_way <= 2 and before >= 9
        with Path("out/findings.jsonl").open("a") as torn:
            torn.write('{"id": "templates/')  # as if it had been killed while it wrote
        assert call("redteam", "--target", target, *LINE, "--resume") == 0
        assert len(server.requests) == 24 + under_way
        # Only what was under way was asked twice.
        chats = Counter(str(request.body["messages"]) for request in server.requests)
        assert sum(count - 1 for count in chats.values()) == under_way
    found = findings()
    assert len(found) == len({row.id for row in found}) == 16
    assert sum(row.requests for row in found) == 24
    assert all(said(request) for request in server.requests)


def vars_of(answer: Answer) -> dict[str, object]:
    return {"status": answer.status, "body": answer.body}
