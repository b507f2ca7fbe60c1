import asyncio
import email.utils
import json
import logging
import time

import pytest
from http_server import Answer, Request, Server, chat, models, of_json, serving

from advgame.config.players import OpenAIEngine, PlayerConfig
from advgame.engines import http
from advgame.engines.build import build_sampler, judge_samplers
from advgame.engines.openai import OpenAISampler
from advgame.errors import (
    ConfigError,
    EndpointError,
    RejectedByEndpointError,
    RejectedError,
)
from advgame.protocols import Sampler
from advgame.types import Finish, Message, SampleRequest, Sampling

HTML = Answer(200, b"<html>hello</html>", "text/html")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_BACKOFF", lambda state: 0.01)


def sampler(base_url: str, model: str = "judge", **options: object) -> OpenAISampler:
    return OpenAISampler(OpenAIEngine(base_url=base_url, **{"retries": 1, **options}), model)


def request(*seeds: int, text: str = "hello", **more: object) -> SampleRequest:
    message = Message(role="user", content=text)
    return SampleRequest(messages=(message,), seeds=seeds or (1,), sampling=Sampling(), **more)


def draw(engine: OpenAISampler, *requests: SampleRequest) -> list[list[str]]:
    drawn = asyncio.run(engine.sample(list(requests)))
    return [[completion.text for completion in row] for row in drawn]


def failure(engine: OpenAISampler) -> str:
    with pytest.raises(EndpointError) as caught:
        draw(engine, request())
    assert "\n" not in str(caught.value)
    assert engine._engine.base_url in str(caught.value)
    return str(caught.value)


def preflight_failure(engine: OpenAISampler) -> str:
    with pytest.raises(EndpointError) as caught:
        asyncio.run(engine.preflight())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_sends_one_request_a_reply_and_keeps_the_order() -> None:
    def echo(asked: Request) -> Answer:
        seed = asked.body["seed"]
        return Answer(
            **{**vars(chat(f"{asked.body['messages'][0]['content']} {seed}"))}
            | {"seconds": 0.05 if seed == 1 else 0.0}
        )

    with Server(echo).running() as server:
        engine = sampler(server.base_url)
        assert isinstance(engine, Sampler)
        texts = draw(engine, request(1, 2, text="a"), request(2**40 + 3, text="b"))
    assert texts == [["a 1", "a 2"], ["b 3"]]
    assert engine.cost.sampled_tokens == 9
    body = server.requests[0].body
    assert body["model"] == "judge"
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.7, 1.0, 64)


def test_completion_has_no_tokens_and_says_why_it_ended() -> None:
    with serving(chat("cut", finish="length")) as server:
        asked = request(context=(Message(role="system", content="Be kind."),))
        [[completion]] = asyncio.run(sampler(server.base_url).sample([asked]))
    assert completion.finish is Finish.LENGTH
    assert (completion.prompt_ids, completion.token_ids, completion.logprobs) == ((), (), None)
    assert completion.guided and not completion.trainable
    assert server.requests[0].body["messages"][0] == {"role": "system", "content": "Be kind."}


def test_works_in_a_new_event_loop_each_time() -> None:
    with serving(chat("ok")) as server:
        engine = sampler(server.base_url, concurrency=1)
        assert [draw(engine, request(1, 2, 3)) for _ in range(3)] == [[["ok"] * 3]] * 3


def test_limits_concurrency_over_simultaneous_calls() -> None:
    slow = chat("ok")
    slow.seconds = 0.05

    async def both(engine: OpenAISampler) -> None:
        await asyncio.gather(*(engine.sample([request(1, 2, 3)]) for _ in range(2)))

    with serving(slow) as server:
        asyncio.run(both(sampler(server.base_url, concurrency=2)))
    assert len(server.requests) == 6
    assert server.most_at_once == 2


@pytest.mark.parametrize(
    ("mode", "extra"),
    [("trailing", {}), ("vllm", {"continue_final_message": True, "add_generation_prompt": False})],
)
def test_prefill_is_a_trailing_assistant_message(mode: str, extra: dict[str, bool]) -> None:
    with serving(chat(" world")) as server:
        draw(sampler(server.base_url, prefill=mode), request(prefill="Hello"))
    body = server.requests[0].body
    assert body["messages"][-1] == {"role": "assistant", "content": "Hello"}
    assert {key: body[key] for key in extra} == extra


def test_prefill_needs_an_endpoint_that_continues() -> None:
    with serving(chat("no")) as server, pytest.raises(ConfigError, match=r"engine\.prefill"):
        draw(sampler(server.base_url), request(prefill="Hello"))
    assert not server.requests


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    "broken", [Answer(500), Answer(503, b"busy"), Answer(408), Answer(close=True)]
)
def test_tries_again_what_may_pass(broken: Answer) -> None:
    with serving(broken, chat("ok")) as server:
        assert draw(sampler(server.base_url), request()) == [["ok"]]
    assert len(server.requests) == 2


def test_honours_retry_after_in_seconds() -> None:
    with serving(of_json({}, 429, **{"Retry-After": "1"}), chat("ok")) as server:
        assert draw(sampler(server.base_url), request()) == [["ok"]]
    first, second = server.requests
    assert 1.0 <= second.at - first.at < 3.0


def test_backs_off_without_retry_after() -> None:
    with serving(Answer(500), chat("ok")) as server:
        draw(sampler(server.base_url), request())
    first, second = server.requests
    assert 0.5 <= second.at - first.at < 3.0


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
    ],
)
def test_reads_retry_after(header: str, low: float, high: float) -> None:
    seconds = http.retry_after(header)
    assert seconds is not None
    assert low <= seconds <= high


@pytest.mark.parametrize(("ahead", "low", "high"), [(3600, 3590, 3600), (-3600, 0, 0)])
def test_reads_a_date_to_retry_after(ahead: float, low: float, high: float) -> None:
    # The date is written here, not when tests are collected: that may be minutes ago.
    header = email.utils.formatdate(time.time() + ahead, usegmt=True)
    seconds = http.retry_after(header)
    assert seconds is not None
    assert low <= seconds <= high


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "nan", "inf", "1e9", "٣"])
def test_ignores_a_senseless_retry_after(header: str | None) -> None:
    assert http.retry_after(header) is None


@pytest.mark.usefixtures("fast")
def test_caps_retry_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_WAIT", 0.05)
    with serving(of_json({}, 429, **{"Retry-After": "86400"}), chat("ok")) as server:
        assert draw(sampler(server.base_url), request()) == [["ok"]]


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    ("answer", "says", "requests"),
    [
        (of_json({"error": {"message": "bad key"}}, 401), "401 (bad key): it wants a key", 1),
        (of_json({"detail": "not yours"}, 403), "403 (not yours): access denied", 1),
        (of_json({"error": "gone"}, 404), "no model 'judge'", 1),
        (of_json({"error": "too long"}, 400), "400 (too long): it rejects the request", 1),
        (of_json({}, 429), "too many requests", 2),
        (Answer(500, b"oops \x1b[31m\n\xff", "text/plain"), "500 (oops", 2),
        (Answer(302, headers={"Location": "http://x.test/"}), "redirect to http://x.test/", 1),
        (HTML, "answered text/html, not JSON", 1),
        (Answer(200, b"{garbage", "application/json"), "no valid JSON object", 1),
        (Answer(200, b"[" * 100_000, "application/json"), "no valid JSON object", 1),
        (of_json([1]), "no valid JSON object", 1),
        (of_json({"choices": []}), "without choices[0].message.content", 1),
        (of_json({"choices": [{"message": {"content": 5}}]}), "without choices[0]", 1),
        (Answer(close=True), "broke the connection", 2),
    ],
)
def test_says_what_is_wrong(answer: Answer, says: str, requests: int) -> None:
    with serving(answer) as server:
        line = failure(sampler(server.base_url))
    assert says in line
    assert "\x1b" not in line
    assert len(server.requests) == requests


def test_says_that_a_server_hangs() -> None:
    hanging = chat("late")
    hanging.seconds = 1.0
    with serving(hanging) as server:
        line = failure(sampler(server.base_url, timeout=0.2, retries=0))
    assert "did not answer within 0.2 s" in line
    assert "(1 try)" in line


@pytest.mark.usefixtures("fast")
def test_says_that_nobody_listens() -> None:
    with serving(chat("ok")) as server:
        pass
    line = failure(sampler(server.base_url))
    assert "cannot be reached" in line
    assert "(2 tries)" in line


def test_reads_no_more_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BYTES", 2**20)
    with serving(chat("x" * 2**21)) as server:
        assert "more than 1 MiB" in failure(sampler(server.base_url))


def test_follows_no_redirect_even_to_itself() -> None:
    with Server(lambda asked: Answer(307, headers={"Location": asked.path})).running() as server:
        assert "redirect" in failure(sampler(server.base_url))
    assert len(server.requests) == 1


@pytest.mark.parametrize("text", ["\ud800", "a\ud800b"])
def test_lone_surrogates_neither_break_the_request_nor_come_back(text: str) -> None:
    with serving(chat(text)) as server:
        [[said]] = draw(sampler(server.base_url), request(text=text))
    said.encode("utf-8")
    assert server.requests[0].body["messages"][0]["content"] == text


def test_an_empty_reply_is_a_reply() -> None:
    with serving(of_json({"choices": [{"message": {"content": None}}]})) as server:
        engine = sampler(server.base_url)
        assert draw(engine, request()) == [[""]]
    assert engine.cost.sampled_tokens == 0


def test_key_is_sent_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MY_KEY", " sk-secret-1234 ")
    padding = "p" * 190  # the cut falls into the key unless it is struck out first
    with (
        caplog.at_level(logging.DEBUG),
        serving(of_json({"error": f"{padding} Bearer sk-secret-1234 is wrong"}, 401)) as server,
    ):
        engine = sampler(server.base_url, key_env="MY_KEY")
        line = failure(engine)
    assert server.requests[0].headers["Authorization"] == "Bearer sk-secret-1234"
    assert "the key in $MY_KEY was refused" in line
    assert "sk-" not in line + repr(engine) + caplog.text


@pytest.mark.parametrize("value", [None, "", "  ", "a\nb", "ключ"])
def test_key_must_be_usable(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(ConfigError, match="MY_KEY"):
        sampler("http://127.0.0.1:1/v1", key_env="MY_KEY")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost:8000",
        "ftp://x/v1",
        "http://",
        "http://a:b@h/v1",
        "http://h/v1?key=1",
        "http://h:x/",
    ],
)
def test_address_must_be_plain(address: str) -> None:
    with pytest.raises(ConfigError, match="base_url") as caught:
        sampler(address)
    assert "a:b" not in str(caught.value)


def test_preflight_passes_when_the_model_is_served() -> None:
    with serving(models("other", "judge")) as server:
        asyncio.run(sampler(server.base_url).preflight())
    assert [asked.path for asked in server.requests] == ["/v1/models"]


def test_preflight_names_the_nearest_model() -> None:
    with serving(models("llama-3", "judge-32b", "qwen")) as server:
        line = preflight_failure(sampler(server.base_url, model="judge-23b"))
    assert "does not serve model 'judge-23b'" in line
    assert "nearest of its 3 models is 'judge-32b'" in line


def test_preflight_with_no_model_at_all() -> None:
    with serving(models()) as server:
        assert "it lists none" in preflight_failure(sampler(server.base_url))


def test_preflight_asks_a_folder_for_one_token_since_servers_need_not_list_it() -> None:
    with serving(models("hub/name"), chat("x")) as server:
        asyncio.run(sampler(server.base_url, model="/models/mine").preflight())
    assert server.requests[1].body["max_tokens"] == 1


def test_preflight_has_a_line_of_its_own_for_each_fault() -> None:
    hanging = models("judge")
    hanging.seconds = 1.0
    answers = {
        "it wants a key": of_json({}, 401),
        "access denied": of_json({}, 403),
        "ends in /v1": of_json({}, 404),
        "too many requests": of_json({}, 429),
        "the server failed": of_json({}, 502),
        "did not answer": hanging,
        "not JSON": HTML,
        "no list of models": of_json({"data": "?"}),
        "no valid JSON object": Answer(200, b"\x00\x01"),
    }
    lines = []
    for says, answer in answers.items():
        with serving(answer) as server:
            wait = 0.3 if answer is hanging else 30.0
            lines.append(preflight_failure(sampler(server.base_url, timeout=wait)))
            assert says in lines[-1]
            assert len(server.requests) == 1  # a person waits: no retries
    lines.append(preflight_failure(sampler(server.base_url)))
    assert "cannot be reached" in lines[-1]
    stripped = {line.split("/models")[-1] for line in lines}
    assert len(stripped) == len(lines)


def test_one_failure_cancels_the_rest() -> None:
    def answer(asked: Request) -> Answer:
        if asked.body["seed"] == 1:
            return of_json({}, 400)
        slow = chat("ok")
        slow.seconds = 0.2
        return slow

    with Server(answer).running() as server:
        started = time.monotonic()
        with pytest.raises(EndpointError):
            draw(sampler(server.base_url, concurrency=1), request(1, *range(2, 30)))
        assert time.monotonic() - started < 3
    assert len(server.requests) < 5


def test_what_the_server_rejects_cancels_nothing_where_each_is_asked_for() -> None:
    def answer(asked: Request) -> Answer:
        rejected = asked.body["messages"][0]["content"] == "too long"
        return of_json({"error": "too long"}, 400) if rejected else chat("ok")

    texts = [f"{n}" if n % 8 else "too long" for n in range(32)]
    with Server(answer).running() as server:
        engine = sampler(server.base_url, concurrency=4)
        found = asyncio.run(engine.sample_each([request(1, text=text) for text in texts]))
    assert len(server.requests) == 32  # each once
    for text, each in zip(texts, found, strict=True):
        if text == "too long":
            assert isinstance(each, RejectedByEndpointError) and "400 (too long)" in str(each)
        else:
            assert not isinstance(each, RejectedError) and each[0].text == "ok"


def test_body_is_plain_json() -> None:
    with serving(chat("ok")) as server:
        draw(sampler(server.base_url), request())
    allowed = {"model", "messages", "max_tokens", "temperature", "top_p", "seed"}
    assert set(server.requests[0].body) == allowed
    json.dumps(server.requests[0].body)


def test_what_does_not_answer_is_not_built() -> None:
    with serving(models("judge")) as server:
        make = judge_samplers()
        assert isinstance(make(OpenAIEngine(base_url=server.base_url), "judge"), OpenAISampler)
        with pytest.raises(EndpointError, match="does not serve model 'other'"):
            make(OpenAIEngine(base_url=server.base_url), "other")
        player = PlayerConfig(model="another", engine=OpenAIEngine(base_url=server.base_url))
        with pytest.raises(EndpointError, match="does not serve model 'another'"):
            build_sampler(player, None, "sampler")


def test_it_is_built_where_an_event_loop_runs() -> None:
    """As Inspect does, whose scorers are coroutines."""

    async def build(url: str, model: str) -> object:
        return judge_samplers()(OpenAIEngine(base_url=url), model)

    with serving(models("judge")) as server:
        assert isinstance(asyncio.run(build(server.base_url, "judge")), OpenAISampler)
        with pytest.raises(EndpointError, match="does not serve model 'other'"):
            asyncio.run(build(server.base_url, "other"))


def test_a_port_that_is_none_is_told() -> None:
    for port in ("0", "80000"):
        with pytest.raises(ConfigError, match="is not an http"):
            sampler(f"http://127.0.0.1:{port}/v1")


def test_proxies_are_not_asked_for_servers_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(chat("ok")) as server:
        assert draw(sampler(server.base_url), request()) == [["ok"]]
    for name in ("ALL_PROXY", "HTTP_PROXY", "all_proxy", "http_proxy"):
        monkeypatch.setenv(name, "odd://127.0.0.1:9")
    with pytest.raises(
        ConfigError, match=r"the proxy of ALL_PROXY.* cannot be used for http://h\.t"
    ):
        draw(sampler("http://h.test/v1"), request())
