"""A real HTTP server in this process whose answers a test scripts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0  # before answering
    close: bool = False  # break the connection instead of answering


def chat(text: str | None, finish: str = "stop", tokens: int = 3) -> Answer:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return of_json({"choices": [choice], "usage": {"completion_tokens": tokens}})


def models(*names: str) -> Answer:
    return of_json({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


def of_json(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), headers=headers)


@dataclass
class Request:
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    at: float


class Server:
    """`answer` maps each request to an answer; `requests` keeps them all."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.most_at_once = 0
        self._under_way = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._handle(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        request = Request(
            handler.path, json.loads(raw or b"{}"), dict(handler.headers), time.monotonic()
        )
        with self._lock:
            self.requests.append(request)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            self._send(handler, self.answer(request))
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client gave up, as some tests want
        finally:
            with self._lock:
                self._under_way -= 1

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        time.sleep(answer.seconds)
        if answer.close:
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.content_type)
        handler.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer.body)

    @contextmanager
    def running(self) -> Iterator[Server]:
        thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join()


@contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    """Give `answers` out in turn; the last one stays."""
    queue = list(answers)
    lock = threading.Lock()

    def next_one(request: Request) -> Answer:
        with lock:
            return queue.pop(0) if len(queue) > 1 else queue[0]

    with Server(next_one).running() as server:
        yield server
