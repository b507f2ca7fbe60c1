"""What every `Sampler` promises, whatever draws."""

import asyncio
import json
import zlib

import pytest
from http_server import Server, chat

from advgame.config.players import AdapterConfig, OpenAIEngine, PlayerConfig
from advgame.engines.hf import HfSampler
from advgame.engines.openai import OpenAISampler
from advgame.models.build import build_players
from advgame.protocols import Sampler
from advgame.testing import ScriptedSampler
from advgame.types import Finish, Message, Role, SampleRequest, Sampling

IN_PROCESS = {"adapters": AdapterConfig(rank=4), "full": None}


def in_process(kind):
    config = PlayerConfig(model="tiny-random", dtype="float32", adapter=IN_PROCESS[kind])
    return HfSampler(build_players(config, config, seed=0)[Role.DEFENDER])


def babble(*cause):
    """Words that depend on `cause` alone, sometimes many."""
    number = zlib.crc32(json.dumps(cause).encode())
    return [f"w{number * (place + 1) % 97}" for place in range(1 + number % 24)]


def scripted():
    return ScriptedSampler(
        lambda request, seed: " ".join(
            babble([[m.role, m.content] for m in request.context or request.messages], seed)
        )
    )


def served(request):
    """A server that honours `seed` and `max_tokens`."""
    drawn = babble([[m["role"], m["content"]] for m in request.body["messages"]],
                   request.body["seed"])  # fmt: skip
    most = request.body["max_tokens"]
    kept = drawn[:most]
    return chat(" ".join(kept), "length" if len(drawn) > most else "stop", len(kept))


@pytest.fixture(scope="module", params=[*IN_PROCESS, "scripted", "openai"])
def sampler(request):
    if request.param in IN_PROCESS:
        yield in_process(request.param)
    elif request.param == "scripted":
        yield scripted()
    else:
        with pytest.MonkeyPatch.context() as patch, Server(served).running() as server:
            patch.setenv("NO_PROXY", "127.0.0.1")
            engine = OpenAIEngine(base_url=server.base_url, prefill="trailing")
            yield OpenAISampler(engine, "model")


@pytest.fixture(scope="module", params=IN_PROCESS)
def local(request):
    """A sampler that shows its tokens."""
    return in_process(request.param)


def under(guide, text):
    return (Message(role="system", content=guide), Message(role="user", content=text))


def ask(text, seeds, guide=None, prefill="", **sampling):
    return SampleRequest(
        messages=(Message(role="user", content=text),),
        seeds=tuple(seeds),
        sampling=Sampling(**{"temperature": 1.0, "max_new_tokens": 12, **sampling}),
        context=None if guide is None else under(guide, text),
        prefill=prefill,
    )


def draw(sampler, *requests):
    return asyncio.run(sampler.sample(requests))


def words(outcome):
    return [[(each.token_ids, each.text) for each in replies] for replies in outcome]


MIXED = (
    ask("hello", range(4)),
    ask("a much longer question than the first one, to be padded", range(10, 13)),
    ask("x", [20], temperature=0.0, max_new_tokens=3),
    ask("nucleus", range(30, 34), top_p=0.5, max_new_tokens=20),
    ask("hello", [40, 41], guide="Answer in rhymes."),
    ask("hello", [50], prefill="Sure: "),
)


def test_is_a_sampler(sampler):
    assert isinstance(sampler, Sampler)


def test_gives_one_completion_a_seed_in_order(sampler):
    outcome = draw(sampler, *MIXED)
    assert [len(replies) for replies in outcome] == [len(r.seeds) for r in MIXED]
    for request, replies in zip(MIXED, outcome, strict=True):
        assert words([replies]) == words(draw(sampler, request))


def test_a_draw_does_not_depend_on_the_batch_or_its_order(sampler):
    assert words(draw(sampler, *reversed(MIXED))) == words(draw(sampler, *MIXED))[::-1]
    alone = [words(draw(sampler, ask("hello", [seed])))[0][0] for seed in range(4)]
    assert alone == words(draw(sampler, MIXED[0]))[0]


def test_other_seeds_draw_other_tokens(sampler):
    (replies,) = draw(sampler, ask("hello", range(16)))
    assert len({completion.text for completion in replies}) > 8


def test_some_replies_end_and_some_are_cut(sampler):
    (replies,) = draw(sampler, ask("hello", range(64), max_new_tokens=16))
    assert {completion.finish for completion in replies} == {Finish.STOP, Finish.LENGTH}


def test_finish_tells_why_it_ended(local):
    (replies,) = draw(local, ask("hello", range(64), max_new_tokens=16))
    end = local._stop
    for completion in replies:
        stopped = completion.token_ids[-1] in end
        assert stopped == (completion.finish is Finish.STOP)
        assert not set(completion.token_ids[:-1]) & end
        assert stopped or len(completion.token_ids) == 16
        assert len(completion.logprobs) == len(completion.token_ids)
        assert "<|" not in completion.text


def test_text_leaves_the_prefill_out(sampler):
    ((filled,),) = draw(sampler, ask("hello", [50], prefill="Sure: "))
    assert not filled.text.startswith("Sure")


def test_the_prefill_belongs_to_the_prompt(local):
    ((plain,),) = draw(local, ask("hello", [50]))
    ((filled,),) = draw(local, ask("hello", [50], prefill="Sure: "))
    assert filled.prompt_ids[: len(plain.prompt_ids)] == plain.prompt_ids
    assert len(filled.prompt_ids) == len(plain.prompt_ids) + len("Sure: ")


def test_a_guide_is_sampled_under(sampler):
    ((plain,),) = draw(sampler, ask("hello", [7], temperature=0.0))
    ((guided,),) = draw(sampler, ask("hello", [7], guide="Be terse.", temperature=0.0))
    assert guided.guided and not plain.guided
    assert guided.text != plain.text


def test_a_guide_is_not_kept(local):
    ((plain,),) = draw(local, ask("hello", [7], temperature=0.0))
    ((guided,),) = draw(local, ask("hello", [7], guide="Be terse.", temperature=0.0))
    assert guided.prompt_ids == plain.prompt_ids
    system = SampleRequest(
        messages=(
            Message(role="system", content="Be terse."),
            Message(role="user", content="hello"),
        ),
        seeds=(7,),
        sampling=Sampling(temperature=0.0, max_new_tokens=12),
    )
    ((shown,),) = draw(local, system)
    assert shown.prompt_ids != plain.prompt_ids
    assert guided.token_ids == shown.token_ids
    assert guided.logprobs == pytest.approx(shown.logprobs, abs=1e-5)


def test_cost_grows_with_what_is_drawn(sampler):
    before = sampler.cost
    draw(sampler, *MIXED)
    assert sampler.cost.sampled_tokens > before.sampled_tokens


def test_every_completion_says_what_it_took(sampler):
    before = sampler.cost
    drawn = [one.cost for replies in draw(sampler, *MIXED) for one in replies]
    assert sum(drawn, before) == sampler.cost
    assert all(cost.sampled_tokens for cost in drawn)


def test_cost_counts_the_tokens_drawn(local):
    before = local.cost
    outcome = draw(local, *MIXED)
    drawn = sum(len(completion.token_ids) for replies in outcome for completion in replies)
    assert local.cost.sampled_tokens - before.sampled_tokens == drawn
    assert local.cost.flops > before.flops


def test_nothing_asked_nothing_drawn(sampler):
    assert draw(sampler) == []
