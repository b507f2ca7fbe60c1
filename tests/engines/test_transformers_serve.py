"""The endpoint engine against a real server, `transformers serve`, with the packaged model."""

import asyncio
from collections.abc import Iterator

import pytest
from builders import seed
from transformers_serve import transformers_serve

from advgame.config.judges import GenerativeJudgeConfig
from advgame.config.players import OpenAIEngine, SamplingConfig
from advgame.engines.openai import OpenAISampler
from advgame.errors import EndpointError
from advgame.judges.build import build_judge
from advgame.models.resolve import resolve
from advgame.protocols import JudgeGroup
from advgame.types import Finish, Message, Role, SampleRequest, Sampling

pytestmark = [pytest.mark.assets, pytest.mark.slow]
pytest.importorskip("openai", reason="transformers serve needs it")


@pytest.fixture(scope="module")
def model() -> str:
    return str(resolve("smollm2-135m-instruct"))


@pytest.fixture(scope="module")
def base_url(model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with transformers_serve(tmp_path_factory.mktemp("serve"), model) as url:
        yield url


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def request(*seeds: int, tokens: int, temperature: float = 0.0) -> SampleRequest:
    return SampleRequest(
        messages=(Message(role="user", content="What is the capital of France?"),),
        seeds=seeds,
        sampling=Sampling(temperature=temperature, max_new_tokens=tokens),
    )


def test_samples(base_url: str, model: str) -> None:
    sampler = OpenAISampler(OpenAIEngine(base_url=base_url), model)
    asyncio.run(sampler.preflight())
    [[whole], [cut]] = asyncio.run(sampler.sample([request(1, tokens=24), request(1, tokens=3)]))
    assert "Paris" in whole.text
    assert (whole.finish, cut.finish) == (Finish.STOP, Finish.LENGTH)
    assert whole.text.startswith(cut.text)
    assert 3 < sampler.cost.sampled_tokens <= 27


def test_a_model_that_is_not_there_is_named(base_url: str) -> None:
    sampler = OpenAISampler(OpenAIEngine(base_url=base_url, retries=0), "no/such-model")
    with pytest.raises(EndpointError, match="does not serve model 'no/such-model'"):
        asyncio.run(sampler.preflight())
    with pytest.raises(EndpointError, match=r"answered 4.*no/such-model"):
        asyncio.run(sampler.sample([request(1, tokens=3)]))


def test_judges(base_url: str, model: str) -> None:
    """A 135M model is a poor judge: what counts is that each verdict is a score or is unusable."""
    config = GenerativeJudgeConfig(
        model=model,
        engine=OpenAIEngine(base_url=base_url),
        retries=0,
        sampling=SamplingConfig(temperature=0.6, max_new_tokens=16, truncation="accept"),
    )
    judge = build_judge(config, _sampler, _no_embedder, None)
    group = JudgeGroup(
        role=Role.DEFENDER,
        seed=seed(),
        request="How do kites fly?",
        replies=("Wind pushes the tilted sail up while the line holds it.", "No."),
    )
    [judged] = asyncio.run(judge.judge([group]))
    assert len(judged) == 2
    for judgement in judged:
        assert judgement.raw
        assert judgement.value is None or 0 <= judgement.value <= 10
        assert judgement.value is not None or "usable" in judgement.explanation
    assert judge.cost.judge_tokens > 0


def _sampler(engine: object, model: str) -> OpenAISampler:
    assert isinstance(engine, OpenAIEngine)
    return OpenAISampler(engine, model)


def _no_embedder(name: str) -> None:
    raise AssertionError(name)
