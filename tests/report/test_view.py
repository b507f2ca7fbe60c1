"""The viewer's server, asked as a browser would, and as it would not."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_run import write_fake_run

from advgame.errors import StoreError
from advgame.report.view import make_server, serve_view


@contextmanager
def serving(run: Path) -> Iterator[int]:
    with make_server(run, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def ask(
    port: int, path: str, *, host: str | None = None, method: str = "GET"
) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Host": f"127.0.0.1:{port}" if host is None else host}
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body, {name.lower(): value for name, value in answer.getheaders()}


def test_page_lists_steps_and_holds_no_rollout(run: Path) -> None:
    with serving(run) as port:
        status, page, headers = ask(port, "/")
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert '<script type="application/json" id="data-steps">[0,1,2,3,' in page
    assert "novelist" not in page and "connect-src &#39;self&#39;" in page
    assert headers["x-content-type-options"] == "nosniff"


def test_a_browser_that_goes_away_is_no_error(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(run) as port:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port)) as browser:
                request = f"GET /api/steps/2 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
                browser.sendall(request.encode() * 50)  # it reads not one of the answers
                browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert ask(port, "/")[0] == 200
    assert "Traceback" not in capsys.readouterr().err


def test_trees_of_a_step_are_whole_and_clean(run: Path) -> None:
    with serving(run) as port:
        status, body, _ = ask(port, "/api/steps/2")
    assert status == 200
    lines = (run / "episodes/step-000002.jsonl").read_text().splitlines()
    trees = json.loads(body)
    assert [tree["seed"]["id"] for tree in trees] == [
        json.loads(line)["seed"]["id"] for line in lines
    ]
    assert "\u202e" not in str(trees) and "⟨U+202E⟩" in str(trees)
    reply = next(b["replies"][0] for tree in trees for b in tree["branches"] if b["replies"])
    assert reply["completion"].keys() == {"raw", "tokens", "finish", "version", "guided"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/steps/99", "/api/steps/-1", "/api/steps/../config.yaml", "/config.yaml",
        "/../config.yaml", "/api/steps/3%2e%2e", "/api/steps/", "/static/dom.js",
    ],
)  # fmt: skip
def test_no_other_path(run: Path, path: str) -> None:
    with serving(run) as port:
        assert ask(port, path)[0] == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "evil.example:{}", "127.0.0.1:1", ""]
)
def test_a_rebound_name_is_refused(run: Path, host: str) -> None:
    with serving(run) as port:
        status, body, _ = ask(port, "/api/steps/0", host=host.format(port))
        assert status == 403 and "novelist" not in body
        assert ask(port, "/", host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_written(run: Path, method: str) -> None:
    with serving(run) as port:
        assert ask(port, "/", method=method)[0] == 501


def test_damaged_step_is_named(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "torn", steps=2)
    (run / "episodes/step-000001.jsonl").write_text('{"seed": \n')
    with serving(run) as port:
        status, body, headers = ask(port, "/api/steps/1")
        assert status == 500 and "step-000001.jsonl line 1 is damaged" in body
        assert headers["content-type"].startswith("text/plain")
        assert ask(port, "/api/steps/0")[0] == 200


def test_steps_of_a_run_still_going_appear(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "live", steps=2)
    with serving(run) as port:
        assert 'id="data-steps">[0,1]' in ask(port, "/")[1]
        (run / "episodes/step-000002.jsonl").write_text("")
        assert 'id="data-steps">[0,1,2]' in ask(port, "/")[1]


def test_not_a_run_and_a_taken_port(run: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a run folder"):
        serve_view(tmp_path, 0, False)
    with serving(run) as port, pytest.raises(StoreError, match=f"port {port}.*--port"):
        serve_view(run, port, False)
