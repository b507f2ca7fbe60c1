"""Endpoints that are broken, as judge and as player: before a run begins and in its middle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command import intact, start, told
from http_server import Answer, Request, Server, chat, models, of_json

from advgame.engines import http
from advgame.store.reader import open_readonly

Captured = pytest.CaptureFixture[str]
RUN = Path("run")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(http, "_BACKOFF", lambda state: 0.01)
    return tmp_path


HTML = Answer(200, b"<html>Welcome</html>", "text/html")
BROKEN: dict[str, tuple[Answer, str]] = {
    "401": (of_json({"error": {"message": "no key"}}, 401), "it wants a key"),
    "404": (of_json({"error": "nothing here"}, 404), "no such path, or no model 'm'"),
    "429": (of_json({}, 429), "too many requests: lower engine.concurrency"),
    "500": (of_json({"error": "\x1b[31mboom"}, 500), "the server failed: look at its log"),
    "hanging": (Answer(seconds=6.0), "did not answer within 2 s"),
    "page": (HTML, "not JSON: does engine.base_url end in /v1?"),
    "garbage": (Answer(200, b"\xff\x00{]"), "no valid JSON object"),
    "hanging up": (Answer(close=True), "broke the connection"),
    "another model": (models("n"), "does not serve model 'm'"),
}


def judged_by(url: str, timeout: int = 60) -> list[str]:
    engine = f"{{type: openai, base_url: '{url}', timeout: {timeout}, retries: 1}}"
    return [f"judges.defender={{type: generative, model: m, retries: 0, engine: {engine}}}"]


def played_by(url: str, timeout: int = 60) -> list[str]:
    engine = f"{{type: openai, base_url: '{url}', timeout: {timeout}, retries: 1}}"
    return ["schedule={type: attacker-only}", "defender.model=m", f"defender.engine={engine}"]


USES: dict[str, Callable[[str, int], list[str]]] = {"judge": judged_by, "player": played_by}


def using(use: str, what: str, url: str) -> list[str]:
    """Patience for a loaded machine, except where the wait itself is tested."""
    return USES[use](url, 2 if what == "hanging" else 60)


def healthy(request: Request) -> Answer:
    if request.path.endswith("/models"):
        return models("m")
    pair = "REPLY A" in request.body["messages"][-1]["content"]
    return chat("Verdict: A=7 B=3" if pair else "Verdict: 6")


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("what", BROKEN)
def test_an_endpoint_that_is_broken_stops_the_run_before_it_begins(
    what: str, use: str, capsys: Captured, here: Path
) -> None:
    answer, expected = BROKEN[what]
    with Server(lambda request: answer).running() as server:
        assert start(*using(use, what, server.base_url)) == 2
    err = told(capsys.readouterr().err)
    assert expected in err
    assert server.base_url in err
    assert "\x1b" not in err
    assert list(here.iterdir()) == []


def test_an_endpoint_that_is_down_stops_the_run_before_it_begins(
    capsys: Captured, here: Path
) -> None:
    assert start(*judged_by("http://127.0.0.1:9/v1")) == 2
    assert "cannot be reached" in told(capsys.readouterr().err)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("use", "what"),
    [("judge", "500"), ("judge", "hanging"), ("judge", "garbage"), ("player", "429")],
)
def test_an_endpoint_that_breaks_midway_leaves_the_last_checkpoint(
    use: str, what: str, capsys: Captured
) -> None:
    answer, expected = BROKEN[what]
    saved = RUN / "checkpoints" / "step-000001"
    well = [False]

    def breaks(request: Request) -> Answer:
        return answer if saved.exists() and not well[0] else healthy(request)

    with Server(breaks).running() as server:
        assert start(*using(use, what, server.base_url)) == 2
        err = told(capsys.readouterr().err)
        assert expected in err
        intact(RUN, 1)
        well[0] = True
        assert start(*using(use, what, server.base_url), "--resume") == 0
    intact(RUN, 2)


def test_a_judge_that_talks_nonsense_is_unscored_and_teaches_nothing(capsys: Captured) -> None:
    def nonsense(request: Request) -> Answer:
        return healthy(request) if request.path.endswith("/models") else chat("Lovely weather!")

    with Server(nonsense).running() as server:
        assert start(*judged_by(server.base_url)) == 0
    lines = open_readonly(RUN).metrics()
    assert len(lines) == 2
    assert not any(line.get(f"{who}/examples") for line in lines for who in USES)
    rewards = [
        reply.reward
        for episode in open_readonly(RUN).episodes(0)
        for branch in episode.branches
        for reply in branch.replies
    ]
    assert rewards and all(reward.value is None and reward.because for reward in rewards)
