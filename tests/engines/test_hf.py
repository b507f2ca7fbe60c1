"""The sampler against the model itself: `generate`, teacher forcing, and awkward batches."""

import asyncio
from collections import Counter

import pytest
import torch

from advgame.config.players import AdapterConfig, HfEngine, PlayerConfig
from advgame.engines import rollout
from advgame.engines.build import judge_samplers
from advgame.engines.hf import HfSampler
from advgame.errors import ModelError
from advgame.models import network
from advgame.models.build import build_players
from advgame.sync.inprocess import InProcessSync
from advgame.types import Message, Role, SampleRequest, Sampling

TEXTS = (
    "Tell me a story about a fox and a hen, and let it end well for both.",
    "Why is the sky blue?",
    "hi",
    "Tell me a story about a fox and a hen, and let it end badly.",
)


@pytest.fixture
def weights():
    adapter = AdapterConfig(rank=4, first_layer=1)
    config = PlayerConfig(model="tiny-random", dtype="float32", adapter=adapter)
    weights = build_players(config, config, seed=0)[Role.DEFENDER]
    disturb(weights, 0.2)
    weights.copy("policy", "sampler")
    return weights


def disturb(weights, size):
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in weights.parameters().values():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * size)


def requests(temperature=1.0, tokens=24, top_p=1.0, replies=3, texts=TEXTS):
    sampling = Sampling(temperature=temperature, top_p=top_p, max_new_tokens=tokens)
    return [
        SampleRequest(
            messages=(Message(role="user", content=text),),
            seeds=tuple(range(100 * i, 100 * i + replies)),
            sampling=sampling,
        )
        for i, text in enumerate(texts)
    ]


def draw(sampler, wanted):
    return asyncio.run(sampler.sample(wanted))


def greedy_by_generate(weights, prompt, tokens):
    with weights.use("sampler") as model, torch.no_grad():
        ids = torch.tensor([prompt])
        out = model.generate(ids, do_sample=False, max_new_tokens=tokens)
    return tuple(out[0, len(prompt) :].tolist())


def forced(weights, completion, name="sampler"):
    ids = torch.tensor([completion.prompt_ids + completion.token_ids])
    start = len(completion.prompt_ids)
    with weights.use(name) as model, torch.no_grad():
        logps = model(input_ids=ids).logits[0, start - 1 : -1].float().log_softmax(-1)
    return logps.gather(1, ids[0, start:, None])[:, 0].tolist()


def check_against_the_model(weights, tokens):
    sampler = HfSampler(weights)
    for replies in draw(sampler, requests(temperature=0.0, tokens=tokens, replies=2)):
        first, second = replies
        assert first.token_ids == second.token_ids
        assert first.token_ids == greedy_by_generate(weights, first.prompt_ids, tokens)
    for replies in draw(sampler, requests(tokens=tokens)):
        for completion in replies:
            assert completion.logprobs == pytest.approx(forced(weights, completion), abs=1e-4)


def test_greedy_equals_generate_and_logprobs_equal_teacher_forcing(weights):
    check_against_the_model(weights, 40)


@pytest.mark.assets
def test_the_same_on_the_real_model():
    adapter = AdapterConfig(first_layer=15)
    config = PlayerConfig(model="smollm2-135m-instruct", dtype="float32", adapter=adapter)
    weights = build_players(config, config, seed=0)[Role.DEFENDER]
    disturb(weights, 0.01)
    weights.copy("policy", "sampler")
    check_against_the_model(weights, 16)


def test_small_waves_draw_what_one_wave_draws(weights):
    small, large = (draw(HfSampler(weights, n), requests()) for n in (130, 24_576))
    for few, many in zip(small, large, strict=True):
        for one, other in zip(few, many, strict=True):
            assert one.token_ids == other.token_ids
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def test_logits_worked_on_in_blocks_draw_the_same(weights, monkeypatch):
    """Two sampling settings in one wave, and blocks of 3 rows that do not divide their number."""
    wanted = requests(replies=5) + requests(temperature=0.7, top_p=0.9, replies=4)
    whole = draw(HfSampler(weights), wanted)
    with weights.use("sampler") as model:
        vocabulary = model.config.vocab_size
    monkeypatch.setattr(rollout, "_BLOCK_ELEMENTS", 3 * vocabulary)
    assert draw(HfSampler(weights), wanted) == whole


def test_rows_that_retire_do_not_change_the_rest(weights):
    """Lengths from 1 to 60 in one wave, so rows and whole prompts leave all the time."""
    sampler = HfSampler(weights)
    wanted = []
    for i, request in enumerate(requests(replies=8)):
        for place, seed in enumerate(request.seeds):
            limit = 1 + (13 * (8 * i + place)) % 60
            sampling = Sampling(temperature=1.0, max_new_tokens=limit)
            wanted.append(
                SampleRequest(messages=request.messages, seeds=(seed,), sampling=sampling)
            )
    outcome = draw(sampler, wanted)
    assert len({len(replies[0].token_ids) for replies in outcome}) > 8
    for request, (completion,) in zip(wanted, outcome, strict=True):
        assert completion.logprobs == pytest.approx(forced(weights, completion), abs=1e-4)
        ((alone,),) = draw(sampler, [request])
        assert alone.token_ids == completion.token_ids


def test_recorded_logprobs_are_raw_whatever_the_sampling(weights):
    for settings in ({"temperature": 0.3}, {"temperature": 2.0, "top_p": 0.7}):
        for replies in draw(HfSampler(weights), requests(**settings)):
            for completion in replies:
                assert completion.logprobs == pytest.approx(forced(weights, completion), abs=1e-4)


def test_training_reaches_the_sampler_only_by_a_push(weights):
    sampler = HfSampler(weights)
    sync = InProcessSync(weights, sampler)
    before = draw(sampler, requests())
    disturb(weights, 0.5)
    assert draw(sampler, requests()) == before
    sync.push("policy", 1)
    assert sampler.version == 1
    after = draw(sampler, requests())
    assert after != before
    completion = after[0][0]
    assert completion.policy_version == 1
    assert completion.logprobs == pytest.approx(forced(weights, completion, "policy"), abs=1e-4)
    sync.push("start", 2)
    assert draw(sampler, requests())[0][0].token_ids != completion.token_ids


def test_a_sampler_may_play_from_another_set(weights):
    disturb(weights, 0.5)
    (replies, *_) = draw(HfSampler(weights, set_name="policy"), requests())
    assert replies[0].logprobs == pytest.approx(forced(weights, replies[0], "policy"), abs=1e-4)


def test_a_prompt_beyond_the_context_is_refused_in_one_line(weights):
    with pytest.raises(ModelError, match="exceed the model's 2048 positions") as caught:
        draw(HfSampler(weights), requests(texts=("far too long " * 200,)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("top_p", [1.0, 0.9])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_diverged_weights_are_named(weights, value, top_p):
    with torch.no_grad():
        weights.tensors("sampler")[min(weights.tensors("sampler"))].fill_(value)
    with pytest.raises(ModelError, match="not finite"):
        draw(HfSampler(weights), requests(top_p=top_p))


def test_a_prompt_is_read_once_and_what_prompts_begin_with_once_for_all(weights):
    texts = [f"Tell me a story about a fox and a hen, the one of day {day}." for day in range(4)]
    read = []
    with weights.use("sampler") as model:
        hook = model.get_input_embeddings().register_forward_hook(
            lambda _module, args, _out: read.append(args[0].numel())
        )
    rows = draw(HfSampler(weights), requests(tokens=1, replies=5, texts=texts))
    hook.remove()
    prompts = [row[0].prompt_ids for row in rows]
    assert len({len(prompt) for prompt in prompts}) == 1  # so nothing has to be padded
    distinct = {prompt[:n] for prompt in prompts for n in range(1, len(prompt))}
    assert sum(read) == len(distinct) + 4 * 5  # each reply is drawn from its prompt's last token


# What makes the host wait for a GPU: a tensor's values taken as Python's.
TAKEN = ("tolist", "item", "cpu", "numpy", "nonzero", "__bool__", "__float__", "__int__")


def counted(function, counts):
    def call(*args, **kwargs):
        counts[function.__name__] += 1
        return function(*args, **kwargs)

    return call


@pytest.mark.parametrize(("top_p", "each"), [(1.0, {"tolist"}), (0.9, {"tolist", "nonzero"})])
def test_a_token_of_all_rows_is_one_transfer(weights, monkeypatch, top_p, each):
    counts = Counter()
    for name in TAKEN:
        monkeypatch.setattr(torch.Tensor, name, counted(getattr(torch.Tensor, name), counts))
    found = []
    for tokens in (1, 9):
        counts.clear()
        [[row, *_], *_] = draw(HfSampler(weights), requests(tokens=tokens, top_p=top_p))
        assert len(row.token_ids) == tokens
        found.append(counts.copy())
    assert found[1] - found[0] == Counter(dict.fromkeys(each, 8))


def test_a_judge_in_this_process_is_loaded_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody trains it: no master weights in float32."""
    monkeypatch.setattr(network, "_multiplies_bfloat16", lambda: True)
    sampler = judge_samplers()(HfEngine(), "tiny-random")
    assert isinstance(sampler, HfSampler)
    with sampler._weights.use("policy") as model:
        kinds = {weight.dtype for weight in model.parameters()}
    assert kinds == {torch.bfloat16} == {sampler._weights.network.dtype}
