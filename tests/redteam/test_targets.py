"""Targets: what is sent, and that whatever comes back is bounded and named."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from http_server import Answer, chat, of_json, serving
from redteam import rogue

from advgame.errors import AdvGameError, ConfigError
from advgame.hosts import is_loopback
from advgame.redteam.consent import require_consent
from advgame.redteam.targets.base import USER_AGENT, Limits, TargetError
from advgame.redteam.targets.bounded import bounded_client
from advgame.redteam.targets.local import _end
from advgame.redteam.targets.parse import parse_target
from advgame.redteam.values import Answer as Reply
from advgame.types import Message, Sampling

CHAT = (
    Message(role="user", content="first"),
    Message(role="assistant", content="well"),
    Message(role="user", content="second $messages ${KEY} \ud800"),
)
HOW = Sampling(temperature=0.5, max_new_tokens=9)
SECRET = "hush-hush-7f3a9"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY", SECRET)


def ask(text: str, **how: object) -> Reply:
    target = parse_target(text, **how).open()  # type: ignore[arg-type]
    return asyncio.run(target.ask(CHAT, "talk-1", HOW))


def fails(text: str, **how: object) -> TargetError:
    with pytest.raises(TargetError) as caught:
        ask(text, **how)
    return caught.value


def test_openai_sends_the_chat_and_reads_the_reply() -> None:
    answer = of_json(
        {
            "choices": [{"message": {"content": f"yes {SECRET}"}, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 2},
        }
    )
    with serving(answer) as server:
        found = ask(f"openai:m@{server.base_url}", key_env="KEY")
    assert found.text == "yes ***"  # a target may echo the key it was sent
    assert found.cut
    assert (found.usage.prompt_tokens, found.usage.reply_tokens) == (11, 2)
    assert not found.usage.estimated
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert [m["content"] for m in request.body["messages"]] == [m.content for m in CHAT]
    assert request.body | {"messages": 0} == {
        "model": "m", "messages": 0, "max_tokens": 9, "temperature": 0.5,
    }  # fmt: skip
    assert request.headers["User-Agent"] == USER_AGENT
    assert request.headers["Authorization"] == f"Bearer {SECRET}"


def test_an_address_that_was_copied_whole() -> None:
    where = parse_target("openai:m@http://127.0.0.1:1/v1/chat/completions").where
    assert where == "POST http://127.0.0.1:1/v1/chat/completions"


def test_an_at_sign_in_the_name_of_a_model() -> None:
    with serving(of_json({"choices": [{"message": {"content": "yes"}}]})) as server:
        assert ask(f"openai:@cf/meta/llama@1@{server.base_url}").text == "yes"
    assert server.requests[0].body["model"] == "@cf/meta/llama@1"


def test_a_filtered_reply_is_empty_and_tokens_are_guessed() -> None:
    with serving(of_json({"choices": [{"message": {"content": None}}]})) as server:
        found = ask(f"openai:m@{server.base_url}")
    assert found.text == ""
    assert found.usage.estimated
    assert "Authorization" not in server.requests[0].headers


def test_http_file_describes_any_api() -> None:
    Path("api.yaml").write_text(
        "url: {url}\nheaders: {{X-Key: 'k ${{KEY}}'}}\n"
        "body: {{q: '> $prompt', talk: $conversation, n: [$max_tokens], all: $messages}}\n"
        "reply: data[0].out\nprompt_tokens: spent.in\nreply_tokens: spent.out\n"
    )
    spent = {"data": [{"out": "fine"}], "spent": {"in": 5, "out": 6}}
    with serving(of_json(spent)) as server:
        Path("api.yaml").write_text(Path("api.yaml").read_text().format(url=f"{server.base_url}/q"))
        found = ask("http:api.yaml")
    assert (found.text, found.usage.total) == ("fine", 11)
    (request,) = server.requests
    assert request.headers["X-Key"] == f"k {SECRET}"
    # What a prompt holds is never a slot.
    assert request.body["q"] == "> second $messages ${KEY} \ud800"
    assert request.body["talk"] == "talk-1"
    assert request.body["n"] == [9]
    assert len(request.body["all"]) == 3


def test_a_filter_that_says_no_is_an_answer() -> None:
    with serving(Answer(status=403, body=b"blocked")) as server:
        Path("api.yaml").write_text(f"url: {server.base_url}\ndeclines: [403]\n")
        assert ask("http:api.yaml").text == ""
        assert fails(f"openai:m@{server.base_url}").state == "rejected"


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation"])
def test_a_content_filter_that_says_no_is_an_answer(code: str) -> None:
    body = json.dumps({"error": {"code": code, "message": "filtered"}}).encode()
    with serving(Answer(status=400, body=body)) as server:
        assert ask(f"openai:m@{server.base_url}").text == ""
    for other in (b"{}", b"[]", b"no", b'{"error": {"code": "context_length_exceeded"}}'):
        with serving(Answer(status=400, body=other)) as server:
            assert fails(f"openai:m@{server.base_url}").state == "rejected"


def test_a_short_key_is_no_word_to_strike_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "sk")
    with serving(chat("Sure, here is a task to test.")) as server:
        found = ask(f"openai:m@{server.base_url}", key_env="KEY")
    assert found.text == "Sure, here is a task to test."


def test_http_file_with_a_form_and_a_reply_in_plain_text() -> None:
    sent: list[str] = []
    with serving(Answer(body="schön".encode(), content_type="text/plain")) as server:
        Path("api.yaml").write_text(
            f"url: {server.base_url}\nbody: {{q: $prompt}}\nencoding: form\nreply: ''\n"
        )
        loads = json.loads
        try:
            json.loads = lambda raw: sent.append(raw.decode()) or {}  # type: ignore[assignment,func-returns-value]
            found = ask("http:api.yaml")
        finally:
            json.loads = loads
    assert found.text == "schön"
    assert parse_qs(sent[0])["q"] == ["second $messages ${KEY} ?"]
    assert not parse_target("http:api.yaml").multi_turn


@pytest.mark.parametrize("name", rogue.SCRIPTS)
def test_a_rogue_server_is_bounded_and_named(name: str) -> None:
    script, state = rogue.SCRIPTS[name]
    seconds = 0.7 if state == "timeout" else 60.0
    begun = time.monotonic()
    with rogue.playing(script) as url:
        error = fails(f"openai:m@{url}", timeout=seconds)
    assert error.state == state, error
    assert time.monotonic() - begun < 50  # and not the hour that some would take
    assert error.may_pass == (state == "unavailable")
    assert error.wait == (7.0 if name == "overloaded" else None)
    assert len(str(error)) < 300


def test_what_a_server_says_is_harmless_and_without_the_key() -> None:
    body = f"bad \x1b[31mkey {SECRET} \u202e".encode()
    with serving(Answer(status=401, body=body, content_type="text/plain")) as server:
        error = fails(f"openai:m@{server.base_url}", key_env="KEY")
    assert str(error) == "401: bad key *** ⟨U+202E⟩"


def test_nothing_listens() -> None:
    error = fails("openai:m@http://127.0.0.1:9/v1")
    assert (error.state, error.may_pass) == ("unavailable", True)


def test_python_functions() -> None:
    for name in ("echo", "echo_later"):
        assert ask(f"python:redteam.rogue:{name}").text == "3: second $messages ${KEY} ?"
    for name, state in (
        ("raises", "crashed"), ("number", "malformed"), ("much", "oversize"),
        ("leaves", "crashed"), ("leaves_async", "crashed"),
        ("never", "timeout"), ("never_async", "timeout"),
    ):  # fmt: skip
        quick = {"timeout": 0.3} if state == "timeout" else {}
        error = fails(f"python:redteam.rogue:{name}", **quick)
        assert error.state == state
        assert "\x1b" not in str(error)


def test_what_functions_and_commands_say_is_without_keys() -> None:
    """They run in the user's environment, where all the keys are."""
    assert ask("python:redteam.rogue:tells").text == "the key is ***"
    assert str(fails("python:redteam.rogue:tells_in_failing")) == "ValueError: the key is ***"
    assert ask(command("import os; print(os.environ['KEY'])")).text == "***"
    error = fails(command("import os; sys.exit('no ' + os.environ['KEY'])"))
    assert str(error) == "exit code 1: no ***"


def command(code: str) -> str:
    Path("target.py").write_text(f"import json, sys, time\n{code}\n")
    return f"command:'{sys.executable}' -S -E target.py"


def test_commands() -> None:
    line = command(
        "given = json.load(sys.stdin)\nprint(given['prompt'], len(given['messages']), end='')"
    )
    assert ask(line).text == "second $messages ${KEY} ? 3"
    for code, state in (
        ("sys.exit('it broke')", "crashed"),
        ("while True: print('x' * 9999)", "oversize"),
        ("print('a', flush=True); time.sleep(3600)", "timeout"),
    ):
        error = fails(command(code), **({"timeout": 3.0} if state == "timeout" else {}))
        assert error.state == state, error
    assert "it broke" in str(fails(command("sys.exit('it broke')")))
    assert fails("command:./nowhere").state == "crashed"


@pytest.mark.parametrize(
    "code",
    [
        "while True: print('x' * 9999)",  # fills the pipe, and nobody reads
        "import subprocess; subprocess.Popen(['sleep', '20'], start_new_session=True)",
    ],
    ids=["a full pipe", "a pipe held by a process outside of the group"],
)
def test_a_command_can_be_ended_whatever_became_of_its_pipes(code: str) -> None:
    async def run() -> int | None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code + "\nprint('on', flush=True)\nimport time; time.sleep(60)",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None
        await process.stdout.readline()
        await asyncio.sleep(0.3)  # time to fill
        await asyncio.wait_for(_end(process), 10)
        return process.returncode

    assert asyncio.run(run()) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpt-4", "no target 'gpt-4'; name one of openai:MODEL@BASE_URL"),
        ("https://example.com", "no target"),
        ("openai:m", "openai:MODEL@BASE_URL"),
        ("openai:m@http://u:p@host/v1", "carries credentials"),
        ("openai:m@http://host/v1?key=x", "holds a '?'"),
        ("inspect:openai", "inspect:PROVIDER/MODEL"),
        ("model:./nowhere", "no such folder"),
        ("http://example.com", "a YAML file"),
        ("http:nowhere.yaml", "nowhere.yaml"),
        ("http:bad.yaml", "bad.yaml: boddy"),
        ("http:no-slot.yaml", "neither $prompt nor $messages"),
        ("http:no-key.yaml", "NOT_SET is not set"),
        ("http:key-in-url.yaml", "${KEY} stands outside of headers"),
        ("http:key-in-body.yaml", "${KEY} stands outside of headers"),
        ("http:tagged.yaml", "body: Object of type bytes"),
        ("http:accent.yaml", "header 'a' holds characters no header can carry"),
        ("http:host.yaml", "'http://xn--/' is not an http(s) address"),
        ("http:~nobody-here/x.yaml", "~nobody-here/x.yaml"),
        ("http:slot-in-url.yaml", "$prompt stands outside of body"),
        ("http:slot-in-header.yaml", "$conversation stands outside of body"),
        ("command:'", "quotation"),
    ],
)
def test_names_that_are_none(text: str, expected: str) -> None:
    Path("bad.yaml").write_text("url: http://h\nboddy: 3\n")
    Path("no-slot.yaml").write_text("url: http://h\nbody: {q: 3}\n")
    Path("no-key.yaml").write_text("url: http://h\nheaders: {X: '${NOT_SET}'}\n")
    Path("key-in-url.yaml").write_text("url: http://h?key=${KEY}\nbody: {q: $prompt}\n")
    Path("tagged.yaml").write_text("url: http://h\nbody: {q: $prompt, b: !!binary aGk=}\n")
    Path("accent.yaml").write_text("url: http://h\nheaders: {a: é}\n", encoding="utf-8")
    Path("host.yaml").write_text("url: http://xn--/\n")
    Path("slot-in-url.yaml").write_text("url: http://h?q=$prompt\nmethod: GET\n")
    Path("slot-in-header.yaml").write_text("url: http://h\nheaders: {S: $conversation}\n")
    Path("key-in-body.yaml").write_text("url: http://h\nbody: {q: $prompt, key: ['${KEY}']}\n")
    with pytest.raises(AdvGameError) as caught:
        parse_target(text)
    assert expected in str(caught.value)


def test_how_many_requests_at_once() -> None:
    Path("api.yaml").write_text("url: http://127.0.0.1:1\nconcurrency: 3\n")
    for text, usual in (
        ("openai:m@http://127.0.0.1:1/v1", 8),
        ("http:api.yaml", 3),
        ("python:redteam.rogue:echo", 8),  # in as many threads, which not every function bears
        ("command:true", 2),
    ):
        assert parse_target(text).open().at_once == usual
        assert parse_target(text, at_once=1).open().at_once == 1


def test_who_is_on_this_machine() -> None:
    for url in (
        "http://127.0.0.1:1/v1",
        "http://localhost/v1",
        "http://[::1]:2",
        "http://127.9.9.9",
    ):
        assert is_loopback(url)
    for url in ("http://10.0.0.1", "http://localhost.example.com", "http://0x7f000001.nip.io", "x"):
        assert not is_loopback(url)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("openai:m@http://127.0.0.1:1/v1", True),
        ("openai:m@https://api.example.com/v1", False),
        ("model:tiny-random", True),
        ("inspect:advgame/tiny-random", True),
        ("inspect:openai/gpt-4o", False),
        ("inspect:google/g", False),
        ("python:redteam.rogue:echo", False),  # nobody knows whom it contacts
        ("command:true", False),
        ("http:there.yaml", False),
    ],
)
def test_consent(text: str, local: bool) -> None:
    Path("there.yaml").write_text("url: https://there.example/q\n")
    named = parse_target(text)
    if local:
        assert require_consent(named, authorized=False) is None
        return
    with pytest.raises(ConfigError, match="--i-am-authorized"):
        require_consent(named, authorized=False)
    banner = require_consent(named, authorized=True)
    assert banner and "agreed to this test" in banner
    ours = text.startswith(("openai:", "http:", "inspect:openai/"))  # to send, and so to mark
    assert ("do not say who sends them" in banner) == (not ours)


def test_consent_in_the_file() -> None:
    Path("there.yaml").write_text("url: https://there.example/q\nauthorized: true\n")
    assert require_consent(parse_target("http:there.yaml"), authorized=False)


@pytest.mark.parametrize(
    "target",
    ["openai:m@https://there.example/v1", "inspect:openai/gpt-4o", "command:true", "http:api.yaml"],
)
def test_consent_for_any_target_in_a_file(target: str) -> None:
    Path("api.yaml").write_text("url: https://there.example/q\n")
    Path("mine.yaml").write_text(f"target: {target}\n")
    with pytest.raises(ConfigError, match="authorized: true"):
        require_consent(parse_target("file:mine.yaml"), authorized=False)
    Path("mine.yaml").write_text(f"target: {target}\nauthorized: true\n")
    named = parse_target("file:mine.yaml")
    assert named.name == target  # what is attacked, in every report
    banner = require_consent(named, authorized=False)
    assert banner and named.where in banner
    Path("mine.yaml").write_text(f"target: {target}\nauthorized: 'perhaps'\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: authorized: "):
        parse_target("file:mine.yaml")


def test_a_file_names_the_key_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IN_FILE", SECRET)
    monkeypatch.setenv("SAID", SECRET[::-1])
    with serving(chat("one"), chat("two")) as server:
        Path("mine.yaml").write_text(
            f"target: openai:m@{server.base_url}\nkey_env: IN_FILE\ntimeout: 5\n"
        )
        assert ask("file:mine.yaml").text == "one"
        assert ask("file:mine.yaml", key_env="SAID").text == "two"
        keys = [request.headers["Authorization"] for request in server.requests]
    assert keys == [f"Bearer {SECRET}", f"Bearer {SECRET[::-1]}"]
    Path("again.yaml").write_text("target: file:mine.yaml\n")
    with pytest.raises(ConfigError, match="a file again"):
        parse_target("file:again.yaml")


def test_answers_that_are_refused_give_their_connections_back() -> None:
    async def work(url: str) -> None:
        async with bounded_client(Limits()) as client:
            for _ in range(101):  # the pool holds a hundred
                with pytest.raises(TargetError, match="not followed"):
                    await asyncio.wait_for(client.get(url), 20)

    with serving(of_json({}, status=302, Location="http://127.0.0.1:9/x")) as server:
        asyncio.run(work(f"{server.base_url}/models"))


def test_an_inspect_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE_API_KEY", SECRET)
    for answer, state in (
        (of_json({"id": "1", "object": "chat.completion", "created": 1, "model": "m",
                  "choices": [{"index": 0, "finish_reason": "stop",
                               "message": {"role": "assistant", "content": f"hi {SECRET}"}}],
                  "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}}), ""),
        (of_json({"error": {"message": f"bad key {SECRET}"}}, status=401), "rejected"),
        (of_json({"error": {"message": "busy"}}, status=503), "unavailable"),
        (of_json({}, status=302, Location="http://127.0.0.1:9/x"), "redirect"),
        (Answer(body=b"x" * 2_000_000), "oversize"),
    ):  # fmt: skip
        with serving(answer) as server:
            monkeypatch.setenv("MINE_BASE_URL", server.base_url)
            if not state:
                found = ask("inspect:openai-api/mine/m")
                assert (found.text, found.usage.total) == ("hi ***", 6)
                assert server.requests[0].headers["User-Agent"] == USER_AGENT
                continue
            error = fails("inspect:openai-api/mine/m")
        assert error.state == state, error
        assert error.may_pass == (state == "unavailable")
        assert SECRET not in str(error)
        assert len(server.requests) == 1  # whoever counts tries tries again
    with pytest.raises(ConfigError, match="inspect:nobody/m"):
        parse_target("inspect:nobody/m").open()
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="No OPENAI_API_KEY"):  # in no colours
        parse_target("inspect:openai/m").open()


def test_answers_in_process_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from advgame.models import network

    monkeypatch.setattr(network, "_multiplies_bfloat16", lambda: False)
    found = ask("model:tiny-random")
    assert found.usage.reply_tokens == 9
    assert found.text == ask("model:tiny-random").text


def test_a_chat_answer_of_the_helper_parses() -> None:
    with serving(chat("hello")) as server:
        assert ask(f"openai:m@{server.base_url}").text == "hello"
