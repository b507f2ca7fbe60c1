"""`advgame serve`: the application in this process, and the command in one of its own."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from command import call, start, told
from warm import Command

from advgame.config import load
from advgame.evals.attacked import open_attacker
from advgame.evals.loaded import load_target
from advgame.evals.target import target_of
from advgame.hosts import is_loopback
from advgame.models.export import export
from advgame.prompts import get_format
from advgame.serve.app import Limits, build_app
from advgame.serve.body import ChatBody
from advgame.serve.chat import Chat
from advgame.serve.desk import Reply
from advgame.serve.player import Mode, Player, manner_of, open_player
from advgame.serve.server import key_for
from advgame.train import train
from advgame.types import Completion, Finish, Kind, Message, Role, SampleRequest, Sampling

pytest.importorskip("starlette")
URL = "http://127.0.0.1:9/v1"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("serve") / "run"
    assert start("train.steps=1", out=str(out)) == 0
    return out


@pytest.fixture(scope="module")
def players(run: Path) -> tuple[Player, ...]:
    return tuple(open_player(str(run), role) for role in Role)


class Scripted:
    """A sampler that says what it is told to, and waits where it is told to."""

    positions = 100_000

    def __init__(self, *texts: str, cut: bool = False) -> None:
        self.texts = list(texts)
        self.cut = cut
        self.asked: list[SampleRequest] = []
        self.batches: list[int] = []
        self.gate: asyncio.Event | None = None

    async def sample(self, requests: Sequence[SampleRequest], /) -> list[tuple[Completion, ...]]:
        self.asked += requests
        self.batches.append(sum(len(each.seeds) for each in requests))
        if self.gate is not None:
            await self.gate.wait()
        return [tuple(self._say() for _ in each.seeds) for each in requests]

    def _say(self) -> Completion:
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        return Completion(
            prompt_ids=(1,),
            token_ids=(2, 3),
            logprobs=None,
            text=text,
            finish=Finish.LENGTH if self.cut else Finish.STOP,
            policy_version=0,
        )


def scripted(player: Player, sampler: Scripted, form: str | None = None) -> Player:
    manner = player.manner
    if form is not None:
        manner = replace(manner, format=get_format(manner.role, form))
    return replace(player, manner=manner, loaded=replace(player.loaded, sampler=sampler))


def talk(
    work: Callable[[httpx.AsyncClient], Awaitable[Any]],
    *players: Player,
    key: str | None = None,
    **limits: Any,
) -> Any:
    """Run `work` with a client of an application that serves `players`."""

    async def run() -> Any:
        transport = httpx.ASGITransport(build_app(players, Limits(**limits), key))
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            return await work(client)

    return asyncio.run(run())


def say(text: str | list[Any] = "How do kites fly?", **more: Any) -> dict[str, Any]:
    return {"model": "defender", "messages": [{"role": "user", "content": text}], **more}


def ask(*players: Player, key: str | None = None, **body: Any) -> httpx.Response:
    found: httpx.Response = talk(
        lambda client: client.post("/chat/completions", json=body), *players, key=key
    )
    return found


def test_a_reply_is_drawn_by_its_seed_and_counted(players: tuple[Player, ...]) -> None:
    body = say(n=2, seed=7, max_tokens=9, temperature=1.0)
    first, again, other = (ask(*players, **each) for each in (body, body, body | {"seed": 8}))
    answer = first.json()
    texts = [choice["message"]["content"] for choice in answer["choices"]]
    assert first.status_code == 200
    assert texts == [choice["message"]["content"] for choice in again.json()["choices"]]
    assert texts != [choice["message"]["content"] for choice in other.json()["choices"]]
    assert len(set(texts)) == 2
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert 2 <= usage["completion_tokens"] <= 18


def test_it_answers_as_the_player_in_the_game_does(run: Path, players: tuple[Player, ...]) -> None:
    loaded = load_target(target_of(str(run)))
    served = ask(*players, **say(seed=1, temperature=0, max_tokens=12)).json()
    request = SampleRequest(
        messages=(Message(role="user", content="How do kites fly?"),),
        seeds=(1,),
        sampling=replace(players[1].manner.sampling, temperature=0.0),
    )
    [[direct]] = asyncio.run(loaded.sampler.sample([request]))
    assert served["choices"][0]["message"]["content"] == direct.text


def test_streamed_pieces_make_the_whole(players: tuple[Player, ...]) -> None:
    body = say(seed=3, max_tokens=12, n=2, temperature=1.0)
    whole = ask(*players, **body).json()
    streamed = ask(*players, **body, stream=True, stream_options={"include_usage": True})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    *events, done = re.findall(r"^data: (.+)$", streamed.text, re.MULTILINE)
    assert done == "[DONE]"
    chunks = [json.loads(each) for each in events]
    assert chunks[-1]["usage"] == whole["usage"]
    for choice in whole["choices"]:
        of_it = [
            each["choices"][0]
            for each in chunks
            if each["choices"] and each["choices"][0]["index"] == choice["index"]
        ]
        pieces = [each["delta"].get("content", "") for each in of_it]
        assert "".join(pieces) == choice["message"]["content"]
        assert of_it[-1]["finish_reason"] == choice["finish_reason"]
        assert sum(map(bool, pieces)) > 1


def streamed(mode: Mode, grown: Sequence[str], end: Reply | Exception, **more: Any) -> list[Any]:
    """What a client of a stream is sent, where a reply grows like that."""

    class Growing:
        async def reply(self, mode: Mode, request: SampleRequest, told: Any) -> list[Reply]:
            for text in grown:
                told(0, text)
            await asyncio.sleep(0)
            if isinstance(end, Exception):
                raise end
            return [end]

    async def work() -> list[Any]:
        request = SampleRequest(
            messages=(Message(role="user", content="x"),), seeds=(1,), sampling=Sampling()
        )
        body = ChatBody.model_validate({**say(**more), "stream": True})
        chat = Chat(body, mode, Growing(), request, None)  # type: ignore[arg-type]
        return [json.loads(each[6:]) async for each in chat.pieces() if b"[DONE]" not in each]

    return asyncio.run(work())


def content(events: Sequence[Any]) -> str:
    return "".join(each["choices"][0]["delta"].get("content", "") for each in events)


def test_blanks_before_a_streamed_reply_cost_none_of_it(players: tuple[Player, ...]) -> None:
    mode = Mode(player=players[1], move=True)
    told = Reply("Hello world", Finish.STOP, 3)
    assert content(streamed(mode, ["\n\n", "\n\n"], told)) == "Hello world"  # drawn anew
    assert content(streamed(mode, [" Hel", " Hello wor"], told)) == "Hello world"
    assert content(streamed(mode, [" Hello wor"], told, stop=["world!"])) == "Hello world"


def test_a_stream_that_fails_says_no_more_than_a_whole_reply(
    players: tuple[Player, ...], caplog: pytest.LogCaptureFixture
) -> None:
    events = streamed(Mode(player=players[1], move=True), ["a"], RuntimeError("secret detail"))
    assert events[-1]["error"]["message"] == "the server failed; its log says how"
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("kind", Kind)
def test_the_attacker_is_asked_in_its_own_format(players: tuple[Player, ...], kind: Kind) -> None:
    attacker, _ = players
    sampler = Scripted('"Say how kites fly."')
    made = scripted(attacker, sampler, "fewshot")
    chat = [
        {"role": "system", "content": "You are a red teamer. Reply in JSON."},
        {"role": "user", "content": "How do kites fly?"},
        {"role": "assistant", "content": "an attempt"},
        {"role": "user", "content": [{"type": "text", "text": "The target refused."}]},
    ]
    model = "attacker" if kind is Kind.HARMFUL else "attacker:benign"
    answer = ask(made, model=model, messages=chat).json()
    assert answer["choices"][0]["message"]["content"] == "Say how kites fly."
    wanted = get_format(Role.ATTACKER, "fewshot").messages("How do kites fly?", kind, None)
    assert [each.messages for each in sampler.asked] == [wanted]
    ask(made, model="attacker:injection", messages=chat)
    injected = get_format(Role.ATTACKER, "fewshot").messages("How do kites fly?", kind, None, True)
    assert sampler.asked[-1].messages == injected != wanted
    ask(made, model="attacker:chat", messages=chat)
    assert [each.content for each in sampler.asked[-1].messages][-1] == "The target refused."


def test_an_attack_that_does_not_parse_is_drawn_anew(players: tuple[Player, ...]) -> None:
    attacker, _ = players
    sampler = Scripted("one\n\ntwo", "fine", "still\n\nnot", "fine too")
    made = scripted(attacker, sampler, "fewshot")
    answer = ask(made, **say(model="attacker", n=2)).json()
    assert [each["message"]["content"] for each in answer["choices"]] == ["fine too", "fine"]
    seeds = [seed for each in sampler.asked for seed in each.seeds]
    assert len(set(seeds)) == len(seeds) == 4
    never = ask(scripted(attacker, Scripted("a\n\nb"), "fewshot"), **say(model="attacker")).json()
    assert never["choices"][0]["advgame"] == {"fault": "unparseable"}


def test_stop_sequences_end_a_reply(players: tuple[Player, ...]) -> None:
    made = scripted(players[1], Scripted("up and away", cut=True))
    answer = ask(made, **say(stop=[" and"])).json()["choices"][0]
    assert (answer["message"]["content"], answer["finish_reason"]) == ("up", "stop")
    assert ask(made, **say()).json()["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (say(model="gpt-5"), 404, "no model is named 'gpt-5' here; there are attacker"),
        (say(messages=[]), 400, "messages: List should have at least 1 item"),
        (say(messages=[{"role": "tool", "content": "x"}]), 400, "messages.0.role"),
        (say([{"type": "image_url"}]), 400, "messages.0.content.0.type: Input should be 'text'"),
        (say(temperature=-1), 400, "temperature"),
        (say(n=0), 400, "n: "),
        (say(tools=[{"type": "function"}]), 400, "tools is not served here"),
        (say(repetition_penalty=1.3), 400, "repetition_penalty is not served here"),
        (say(response_format={"type": "json_object"}), 400, "response_format is not served"),
        (say("word " * 9_000), 400, "more than the model's"),
        (say(model="attacker", messages=[{"role": "system", "content": "x"}]), 400, "has none"),
    ],
)
def test_what_makes_no_sense_is_refused(
    players: tuple[Player, ...], body: dict[str, Any], status: int, told: str
) -> None:
    answer = ask(*players, **body)
    assert answer.status_code == status
    assert told in answer.json()["error"]["message"]


def test_what_asks_for_nothing_is_passed_over(players: tuple[Player, ...]) -> None:
    idle = {"tools": None, "presence_penalty": 0.0, "user": "me", "logprobs": False, "store": True}
    made = scripted(players[1], Scripted("yes"))
    assert ask(made, **say(**idle)).status_code == 200


def test_other_bodies_and_paths(players: tuple[Player, ...]) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        path = "/chat/completions"
        json_ = {"content-type": "application/json"}
        assert (await client.post(path, content=b"{", headers=json_)).status_code == 400
        assert (await client.post(path, content=b"{}")).status_code == 415
        large = await client.post(path, content=b"x" * 1001, headers=json_)
        assert (large.status_code, large.json()["error"]["code"]) == (413, "too_large")
        assert (await client.get(path)).status_code == 405
        assert (await client.get("/nothing")).json()["error"]["code"] == "not_found"
        names = [each["id"] for each in (await client.get("/models")).json()["data"]]
        assert names[:2] == ["attacker", "attacker:benign"]
        assert (await client.get("/models/defender")).status_code == 200
        assert (await client.get("/models/x")).status_code == 404

        async def slow() -> Any:
            yield b"{"
            await asyncio.sleep(60)

        late = await client.post(path, content=slow(), headers=json_)
        assert late.status_code == 408

    talk(work, *players, body_bytes=1000, body_seconds=0.1)


def test_the_key(players: tuple[Player, ...]) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        for header in ("", "Bearer wrong", "Basic a-key-of-16-chars", "Bearer a-key-of-16-chars2"):
            given = {"authorization": header} if header else {}
            assert (await client.get("/models", headers=given)).status_code == 401
        good = {"authorization": "Bearer a-key-of-16-chars", "host": "players.example"}
        assert (await client.get("/models", headers=good)).status_code == 200

    talk(work, *players, key="a-key-of-16-chars")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:80", 200),
        ("127.0.0.2:8000", 200),
        ("localhost", 200),
        ("[::1]:80", 200),
        ("evil.example:80", 403),
        ("x.localhost", 403),
        ("127.0.0.1.evil.example", 403),
        ("[", 403),
    ],
)
def test_without_a_key_only_loopback(players: tuple[Player, ...], host: str, status: int) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        assert (await client.get("/models", headers={"host": host})).status_code == status

    talk(work, *players)


def test_the_queue_is_bounded_and_drawn_together(players: tuple[Player, ...]) -> None:
    sampler = Scripted("yes")

    async def work(client: httpx.AsyncClient) -> list[int]:
        sampler.gate = asyncio.Event()

        async def post(**more: Any) -> int:
            return (await client.post("/chat/completions", json=say(**more))).status_code

        first = asyncio.create_task(post())
        while not sampler.asked:
            await asyncio.sleep(0.01)
        rest = [asyncio.create_task(post()) for _ in range(3)]
        while (await client.get("http://127.0.0.1:9/health")).json()["replies"] < 4:
            await asyncio.sleep(0.01)
        full = await client.post("/chat/completions", json=say())
        assert full.headers["retry-after"] == "1"
        streamed = await post(stream=True)
        rest[0].cancel()  # a client that gives up leaves its place
        await asyncio.gather(rest[0], return_exceptions=True)
        late = asyncio.create_task(post())
        while (await client.get("http://127.0.0.1:9/health")).json()["replies"] < 4:
            await asyncio.sleep(0.01)
        sampler.gate.set()
        done = await asyncio.gather(first, *rest[1:], late)
        return [full.status_code, streamed, *done]

    assert talk(work, scripted(players[1], sampler), queue=4) == [429, 429, 200, 200, 200, 200]
    assert sampler.batches == [1, 3]


def test_more_than_the_queue_ever_holds_is_not_to_be_tried_again(
    players: tuple[Player, ...],
) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        for more in ({}, {"stream": True}):
            answer = await client.post("/chat/completions", json=say(n=5, **more))
            assert answer.status_code == 400 and "retry-after" not in answer.headers
            assert "5 replies are wanted at once, of 4 at most" in answer.text

    talk(work, players[1], queue=4)


def test_a_failure_is_a_500_and_the_next_request_is_served(players: tuple[Player, ...]) -> None:
    class Failing(Scripted):
        async def sample(self, requests: Sequence[SampleRequest], /) -> Any:
            if not self.asked:
                self.asked += requests
                raise RuntimeError("secret detail")
            return await super().sample(requests)

    async def work(client: httpx.AsyncClient) -> None:
        failed = await client.post("/chat/completions", json=say())
        assert failed.status_code == 500
        assert "secret" not in failed.text
        assert (await client.post("/chat/completions", json=say())).status_code == 200

    talk(work, scripted(players[1], Failing("yes")))


def test_an_exported_attacker_is_asked_as_in_its_run(run: Path, tmp_path: Path) -> None:
    folder = export(run, tmp_path / "attacker", role=Role.ATTACKER)
    in_run = manner_of(target_of(str(run), role=Role.ATTACKER))
    assert open_player(str(folder), Role.ATTACKER).manner == in_run
    seat, _, _ = open_attacker(str(folder))  # `redteam --attacker` and `eval --attacker`
    asked = (seat.format, seat.system, seat.sampling, seat.accept_truncated)
    assert asked == (in_run.format, in_run.system, in_run.sampling, in_run.accept_truncated)
    assert seat.format.name != "fewshot"
    assert "Red-teaming of models that you own" in (folder / "README.md").read_text()
    (folder / "advgame.json").write_text("{")
    with pytest.raises(Exception, match="damaged"):
        open_player(str(folder), Role.ATTACKER)


def test_in_self_play_each_role_is_asked_in_its_own_way(tmp_path: Path) -> None:
    config = load(
        "tiny",
        ["schedule.type=selfplay", "train.steps=1", "train.validation.every=0",
         "attacker.system=Rewrite.", "attacker.sampling.temperature=0.9"],
    )  # fmt: skip
    train(config, tmp_path / "run")
    for role, own in ((Role.ATTACKER, config.attacker), (Role.DEFENDER, config.defender)):
        folder = export(tmp_path / "run", tmp_path / role.value, role=role)
        for source in (tmp_path / "run", folder):
            manner = open_player(str(source), role).manner
            assert (manner.format.name, manner.system) == (own.format, own.system)
            assert manner.sampling.temperature == own.sampling.temperature


def test_a_model_that_was_no_attacker_is_asked_by_examples() -> None:
    manner = manner_of(replace(target_of("tiny-random"), role=Role.ATTACKER))
    assert (manner.format.name, manner.accept_truncated) == ("fewshot", True)


def test_null_is_as_if_it_were_not_said(players: tuple[Player, ...]) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        plain = await client.post("/chat/completions", json=say(n=None))
        assert len(plain.json()["choices"]) == 1
        more = say(stream=True, stream_options={"include_usage": None})
        assert (await client.post("/chat/completions", json=more)).status_code == 200
        rows = (await client.get("/models")).json()["data"]
        assert all(isinstance(row["created"], int) for row in rows)

    talk(work, *players)


def test_loopback_names() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(
        map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "example.org", "x.localhost", ""))
    )


@pytest.mark.parametrize("key", [None, "short", "sixteen-chärs-xx", "with a space in it"])
def test_no_server_for_others_without_a_good_key(
    key: str | None, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.delenv("ADVGAME_API_KEY", raising=False)
    if key:
        monkeypatch.setenv("ADVGAME_API_KEY", key)
    assert call("serve", "--attacker", "tiny-random", "--host", "0.0.0.0") == 2
    assert "ADVGAME_API_KEY" in told(capsys.readouterr().err)
    monkeypatch.setenv("ADVGAME_API_KEY", "sixteen-chars-xx")
    assert key_for("0.0.0.0", "ADVGAME_API_KEY") == "sixteen-chars-xx"


def test_what_cannot_be_served(capsys: Captured) -> None:
    assert call("serve") == 2
    assert "--attacker RUN, --defender RUN" in told(capsys.readouterr().err)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = str(other.getsockname()[1])
        assert call("serve", "--defender", "tiny-random", "--port", taken) == 2
    assert f"cannot serve on 127.0.0.1 port {taken}" in told(capsys.readouterr().err)


def test_the_command_serves_and_ends_with_its_last_reply(run: Path, tmp_path: Path) -> None:
    """SIGTERM while a reply is under way: it comes whole, then the process ends with 0."""
    arguments = ("--attacker", str(run), "--port", "0")
    server = Command("serve", *arguments, log=tmp_path / "serve")
    assert server.wait_for("Use the Attacker on models that are yours")
    url = re.search(r"http://127\.0\.0\.1:\d+", server.out)
    assert url
    got: list[httpx.Response] = []

    def post() -> None:
        body = say(model="attacker", n=32)
        path = f"{url[0]}/v1/chat/completions"
        got.append(httpx.post(path, json=body, trust_env=False, timeout=60))

    thread = threading.Thread(target=post)
    thread.start()
    while not httpx.get(f"{url[0]}/health", trust_env=False).json()["replies"]:
        assert not got, "the reply came before it was seen under way"
        time.sleep(0.001)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    thread.join()
    assert len(got[0].json()["choices"]) == 32
    assert server.out.endswith("stopped\n")
    assert server.err == ""
