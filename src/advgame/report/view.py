"""Browse every rollout of a run: a loopback server for the report's own rollout section.

It reads one step file a request, so a run of any length opens at once, and lists the steps anew
each time the page is loaded, so a run still going can be watched.
"""

from __future__ import annotations

import json
import re
import threading
import webbrowser
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from advgame.errors import StoreError
from advgame.hostile import clean
from advgame.report.page import render
from advgame.report.rollouts import read_trees
from advgame.store.reader import RunReader, open_readonly

LOOPBACK = "127.0.0.1"
_STEP = re.compile(r"/api/steps/(\d{1,12})")


def serve_view(run: Path, port: int, open_browser: bool) -> None:
    """Serve the rollouts of `run` on 127.0.0.1 until interrupted.

    Args:
        run: the run folder.
        port: TCP port; 0 takes a free one. The address is printed.
        open_browser: also open it in the user's browser.

    Raises:
        StoreError: `run` is not a run folder, or the port cannot be had.
    """
    with make_server(run, port) as server:
        address = f"http://{LOOPBACK}:{server.server_port}/"
        print(f"Rollouts of {run} at {address} (Ctrl-C ends)", flush=True)
        if open_browser:  # some stay in the foreground until they have the page
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def make_server(run: Path, port: int) -> ThreadingHTTPServer:
    """Return a bound server for `run`, not yet serving.

    Raises:
        StoreError: `run` is not a run folder, or the port cannot be had.
    """
    reader = open_readonly(run)
    try:
        return ThreadingHTTPServer((LOOPBACK, port), partial(_Handler, reader))
    except (OSError, OverflowError) as error:
        raise StoreError(
            f"cannot serve on {LOOPBACK} port {port}: {error}; name another with --port"
        ) from error


class _Handler(BaseHTTPRequestHandler):
    """`/` is the page, `/api/steps/N` the trees of a step. Read-only, no other path."""

    server: ThreadingHTTPServer
    protocol_version = "HTTP/1.1"

    def __init__(self, run: RunReader, *arguments: object) -> None:
        self.run = run
        super().__init__(*arguments)  # type: ignore[arg-type]  # what the server passes on

    def do_GET(self) -> None:
        if not self._local():
            self._send(HTTPStatus.FORBIDDEN, "text/plain", "this server answers on loopback only")
            return
        path = self.path.partition("?")[0]
        try:
            if path == "/":
                self._send(HTTPStatus.OK, "text/html", self._page())
            elif match := _STEP.fullmatch(path):
                self._step(int(match[1]))
            else:
                self._send(HTTPStatus.NOT_FOUND, "text/plain", "no such page")
        except StoreError as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", str(error))

    def _page(self) -> str:
        name = clean(self.run.path.resolve().name)
        return render("view.html", connect="'self'", name=name, steps=self.run.episode_steps())

    def _step(self, step: int) -> None:
        if self.run.has_episodes(step):
            trees = read_trees(self.run, step)
            self._send(HTTPStatus.OK, "application/json", json.dumps(trees, allow_nan=False))
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", f"no rollouts of step {step}")

    def _local(self) -> bool:
        """Whether the request names this server: a page elsewhere can rebind DNS, not this."""
        port = self.server.server_port
        names = {f"{LOOPBACK}:{port}", f"localhost:{port}"}
        if port == 80:  # a browser leaves it out
            names |= {LOOPBACK, "localhost"}
        return self.headers.get("Host", "") in names

    def _send(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        with suppress(ConnectionError):  # the browser has gone on
            self._write(status, kind, body)

    def _write(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Requests are not news; errors reach the page."""
