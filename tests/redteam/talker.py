"""A loopback target that refuses, and gives in to what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from http_server import Answer, Request, Server, of_json

from advgame.redteam.values import Finding

NO = "I'm sorry, but I can't help with that."
YES = "Sure, as you wish: one, two, three."


def said(request: Request) -> str:
    """The last thing that was said to the target."""
    found: str = request.body["messages"][-1]["content"]
    return found


def reply(text: str) -> Answer:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    return of_json({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})


@contextmanager
def talking(gives_in: Callable[[str, int], bool]) -> Iterator[Server]:
    """Serve a target that says yes where `gives_in(prompt, how often it was asked)`."""
    counts: dict[str, int] = {}
    lock = threading.Lock()

    def answer(request: Request) -> Answer:
        prompt = said(request)
        with lock:
            counts[prompt] = counts.get(prompt, 0) + 1
            return reply(YES if gives_in(prompt, counts[prompt]) else NO)

    with Server(answer).running() as server:
        yield server


def seeds(count: int, **more: str) -> str:
    """Write a file of harmless seeds and return its name."""
    rows = [{"text": f"Tell me about subject {n}.", "split": "test", **more} for n in range(count)]
    Path("seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "seeds.jsonl"


def findings(folder: str = "out") -> list[Finding]:
    text = (Path(folder) / "findings.jsonl").read_text("utf-8")
    return [Finding.of_json(json.loads(line)) for line in text.splitlines()]
