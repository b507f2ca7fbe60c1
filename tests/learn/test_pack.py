"""Micro-batches: nothing padded, nothing twice, nothing lost."""

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training import completion, credited, ids, pairs

from advgame.learn.pack import micro_batches, pack
from advgame.types import Pair

CPU = torch.device("cpu")


@given(limit=st.integers(1, 400), seed=st.integers(0, 50))
@settings(deadline=None)
def test_every_example_lands_in_exactly_one_micro_batch_within_the_limit(limit, seed):
    examples = pairs(seed)
    packs = list(micro_batches(examples, limit, CPU))
    assert sorted(id(e) for p in packs for e in p.examples) == sorted(id(e) for e in examples)
    for micro in packs:
        assert micro.pack.tokens <= limit or len(micro.examples) == 1


def test_a_completion_that_stands_in_many_pairs_is_listed_once():
    (micro,) = micro_batches(pairs(prompts=2), 10_000, CPU)
    assert len(micro.examples) == 8
    assert len(micro.pack.completions) == 8  # 2 prompts × 4, not 8 pairs × 2
    for pair, chosen, rejected in zip(
        micro.examples, micro.batch.chosen_E, micro.batch.rejected_E, strict=True
    ):
        assert micro.pack.completions[chosen] == pair.chosen
        assert micro.pack.completions[rejected] == pair.rejected


def test_a_shared_prompt_is_forwarded_once_and_last_tokens_not_at_all():
    rng = random.Random(0)
    prompt = ids(rng, 20)
    made = [completion(rng, prompt, token_ids=ids(rng, n), logprobs=None) for n in (5, 7, 9)]
    packed = pack(made, CPU)
    assert packed.tokens == 20 + 4 + 6 + 8
    assert packed.unpacked_tokens == 24 + 26 + 28
    assert len(packed.target_T) == 5 + 7 + 9


def test_prompts_share_their_opening():
    rng = random.Random(0)
    opening = ids(rng, 30)
    made = [completion(rng, opening + ids(rng, 5), token_ids=(4,), logprobs=None) for _ in range(4)]
    assert pack(made, CPU).tokens == 30 + 4 * 5


def test_a_group_that_fits_is_not_cut_in_two():
    examples = pairs(prompts=3, opening=40)
    alone = max(
        next(micro_batches(examples[n : n + 4], 10_000, CPU)).pack.tokens for n in (0, 4, 8)
    )
    sizes = [len(micro.examples) for micro in micro_batches(examples, alone + 5, CPU)]
    assert sizes == [4, 4, 4]


def test_sampler_logps_follow_their_tokens_and_are_nan_where_missing():
    examples = credited()
    bare = replace(examples[0], completion=replace(examples[0].completion, logprobs=None))
    (micro,) = micro_batches([bare, *examples[1:]], 10_000, CPU)
    values = micro.batch.sampler_logps_T.split(
        [len(one.token_ids) for one in micro.pack.completions]
    )
    assert bool(values[0].isnan().all())
    for one, got in zip(micro.pack.completions[1:], values[1:], strict=True):
        torch.testing.assert_close(got, torch.tensor(one.logprobs))


def test_what_cannot_be_trained_is_refused():
    empty = replace(credited()[0].completion, token_ids=(), prompt_ids=(), logprobs=None)
    with pytest.raises(ValueError, match="token ids"):
        list(micro_batches([Pair(chosen=empty, rejected=empty)], 100, CPU))
    with pytest.raises(ValueError, match="not both"):
        list(micro_batches([*pairs(), *credited()], 100, CPU))
