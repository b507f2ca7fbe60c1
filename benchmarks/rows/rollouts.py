"""All rollouts of a step, against `transformers` `generate` on the same chats."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from advgame.engines.hf import HfSampler
from advgame.models.network import load_network
from advgame.types import Completion, Role, SampleRequest
from benchmarks.bench import Bench
from benchmarks.common import Row, alternate, of, speedups
from benchmarks.peer_generate import GenerateSampler
from benchmarks.rows.update import stirred


def measure(bench: Bench) -> Row:
    step = bench.step()
    dtypes = dict.fromkeys(("float32", step.config.player(Role.DEFENDER).dtype))
    checks = {dtype: check(step, dtype, 2 if bench.quick else 4) for dtype in dtypes}
    samplers = {role: step.sampler(role) for role in Role}

    def ours() -> float:
        return sum(tokens(asyncio.run(samplers[role].sample(step.requests[role]))) for role in Role)

    def theirs() -> float:  # the same network with the same adapters switched on
        total = 0
        for role in Role:
            weights = step.weights[role]
            with weights.use("sampler") as model:
                peer = GenerateSampler(model, weights.tokenizer, step.budget(role))
                total += tokens(peer.draw(step.requests[role]))
        return total

    torch.manual_seed(0)
    rounds = alternate(bench.repeats, ours, theirs, warm=not bench.quick)
    return Row(
        name="rollouts",
        measured="rollouts of both players, per token",
        against="transformers generate",
        ratio=speedups(rounds),
        target=2.5,
        workload=step.describe(),
        correctness={
            "compared": "log-probs of drawn tokens with a plain forward pass over prompt and "
            "reply; greedy replies of both, token by token",
            "largest_difference": checks["float32"]["logprob"],
            "by_dtype": checks,
        },
        detail={
            "advgame_s": of(rounds, 0),
            "generate_s": of(rounds, 1),
            "advgame_tokens_per_s": [round(ours.rate, 1) for ours, _ in rounds],
            "generate_tokens_per_s": [round(theirs.rate, 1) for _, theirs in rounds],
        },
    )


def tokens(rows: Sequence[Sequence[Completion]]) -> int:
    return sum(len(one.token_ids) for row in rows for one in row)


def check(step: Any, dtype: Any, prompts: int = 4) -> dict[str, float]:
    """Our draws against the model's own forward pass, and greedy replies against `generate`'s."""
    player = step.config.player(Role.DEFENDER)
    weights = stirred(load_network(player.model, dtype, player.device), player)
    weights.copy("policy", "sampler")
    sampler = HfSampler(weights, step.budget(Role.DEFENDER), "sampler")
    requests = step.requests[Role.DEFENDER][:prompts]
    drawn = asyncio.run(sampler.sample(requests))
    greedy = [_greedy(request) for request in requests]
    with weights.use("sampler") as model, torch.inference_mode():
        far = max(
            _difference(model, one, context)
            for row, context in zip(drawn, _contexts(sampler, requests), strict=True)
            for one in row
        )
        other = GenerateSampler(model, weights.tokenizer, 8_192).draw(greedy)
    same = [
        a == b
        for ours, theirs in zip(asyncio.run(sampler.sample(greedy)), other, strict=True)
        for a, b in zip(ours[0].token_ids, theirs[0].token_ids, strict=False)
    ]
    return {"logprob": far, "greedy_tokens_equal": sum(same) / len(same)}


def _greedy(request: SampleRequest) -> SampleRequest:
    sampling = replace(request.sampling, temperature=0.0)
    return replace(request, seeds=request.seeds[:1], sampling=sampling)


def _contexts(sampler: HfSampler, requests: Sequence[SampleRequest]) -> list[tuple[int, ...]]:
    """The ids each request is really sampled after, its guide included."""
    return [sampler._render(one, one.context or one.messages) for one in requests]


def _difference(model: Any, one: Completion, context: tuple[int, ...]) -> float:
    ids = torch.tensor([context + one.token_ids], device=model.device)
    logits = model(input_ids=ids, use_cache=False).logits[0, len(context) - 1 : -1].float()
    plain = logits.log_softmax(-1).gather(1, ids[0, len(context) :, None])[:, 0]
    return float((plain.cpu() - torch.tensor(one.logprobs)).abs().max())
