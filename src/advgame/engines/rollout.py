"""The generation loop: one wave of prompts and replies through one causal LM.

Every distinct prompt is computed once, stems that prompts share once for all of them; replies
share the keys and values of their prompt. Rows that end are retired and the rest closes up, so a
long reply does not make the short ones compute on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import torch
from torch import nn

from advgame.engines.draw import draw, uniforms
from advgame.engines.kv import Prefill, Prompts, Replies, Stem
from advgame.engines.waves import Group, Row, chunks, stems
from advgame.errors import ModelError
from advgame.types import Finish, Sampling

_PREFILL_TOKENS = 4_096  # tokens of one pass over prompts: bounds its activations
_CLOSE_UP = 8  # retired rows are dropped when they are at least one in so many
_BLOCK_ELEMENTS = 1 << 19  # logits a CPU works on at once: few enough to stay in its cache


@dataclass(slots=True)
class Reply:
    """A reply as it is drawn. `logprobs` are at temperature 1."""

    row: Row
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: Finish | None = None


@torch.inference_mode()
def rollout(
    model: nn.Module,
    wave: Sequence[Group],
    stop: frozenset[int],
    told: Callable[[Reply], None] | None = None,
) -> list[Reply]:
    """Draw every reply of `wave`; the end token belongs to the reply. `told` hears each token.

    `model` must attend by `models.attention`. Prompts have at least two tokens.

    Raises:
        ModelError: logits are not finite: the weights have diverged.
    """
    device = next(model.parameters()).device
    replies = [Reply(row) for group in wave for row in group.rows]
    group_of = [index for index, group in enumerate(wave) for _ in group.rows]
    kv = Replies(_prefill(model, [group.prompt for group in wave], device), group_of)
    last = torch.tensor([[wave[index].prompt[-1]] for index in group_of], device=device)
    longest = max(reply.row.sampling.max_new_tokens for reply in replies)
    numbers = torch.stack([uniforms(reply.row.seed, longest) for reply in replies]).to(device)
    live = replies
    plan = _plan(live)
    while True:
        logits = _forward(model, last, kv.positions(), kv, logits_to_keep=1).logits[:, 0]
        tokens, logprobs = _draw_all(logits, numbers[:, kv.length], plan)
        kv.advance()
        # Both in one transfer: on a GPU each is a wait. float32 holds token ids below 2^24 exactly.
        drawn = torch.stack((tokens.float(), logprobs), -1).tolist()
        for reply, (token, logprob) in zip(live, drawn, strict=True):
            if not isfinite(logprob):
                raise ModelError("logits are not finite: the weights have diverged; lower learn.lr")
            if reply.finish is None:
                _record(reply, int(token), logprob, stop)
                if told is not None:
                    told(reply)
        going = [index for index, reply in enumerate(live) if reply.finish is None]
        if not going:
            return replies
        last = tokens[:, None]
        if (len(live) - len(going)) * _CLOSE_UP >= len(live):
            kept = torch.tensor(going, device=device)
            kv.keep(kept)
            last, numbers = last[kept], numbers[kept]
            live = [live[index] for index in going]
            plan = _plan(live)


def _prefill(model: Any, prompts: Sequence[Sequence[int]], device: torch.device) -> Prompts:
    """Compute keys and values of all prompts, each without its last token."""
    layers = model.config.get_text_config().num_hidden_layers
    kept = Prompts([len(prompt) - 1 for prompt in prompts], layers, device)
    decoder = model.get_decoder()
    for stem in stems(prompts):
        shared = Stem()
        if stem.length:
            ids = torch.tensor([prompts[stem.groups[0]][: stem.length]], device=device)
            _forward(decoder, ids, torch.arange(stem.length, device=device)[None], shared)
        rests = [prompts[group][stem.length : -1] for group in stem.groups]
        for chunk in chunks([len(rest) for rest in rests], _PREFILL_TOKENS):
            width = max(len(rests[index]) for index in chunk)
            ids = torch.zeros(len(chunk), width, dtype=torch.long, device=device)
            for place, index in enumerate(chunk):
                ids[place, : len(rests[index])] = torch.tensor(rests[index], device=device)
            positions = torch.arange(stem.length, stem.length + width, device=device)[None]
            groups = [stem.groups[index] for index in chunk]
            _forward(decoder, ids, positions, Prefill(kept, groups, shared))
    return kept


def _forward(
    module: Any, ids: torch.Tensor, positions: torch.Tensor, attend: Any, **options: Any
) -> Any:
    """Run `module` with attention by `attend`, which masks by itself: the mask given is idle."""
    idle = torch.zeros(1, 1, 1, 1, device=ids.device)
    return module(
        input_ids=ids,
        position_ids=positions,
        attention_mask=idle,
        use_cache=False,
        attend=attend,
        **options,
    )


def _record(reply: Reply, token: int, logprob: float, stop: frozenset[int]) -> None:
    """Append a token to a reply that has not ended."""
    reply.tokens.append(token)
    reply.logprobs.append(logprob)
    if token in stop:
        reply.finish = Finish.STOP
    elif len(reply.tokens) == reply.row.sampling.max_new_tokens:
        reply.finish = Finish.LENGTH


def _plan(live: Sequence[Reply]) -> dict[Sampling, list[int]]:
    """Which rows are drawn alike."""
    plan: dict[Sampling, list[int]] = {}
    for index, reply in enumerate(live):
        plan.setdefault(reply.row.sampling, []).append(index)
    return plan


def _draw_all(
    logits: torch.Tensor, numbers: torch.Tensor, plan: dict[Sampling, list[int]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a token for each row by its own sampling settings: tokens and log-probs, `[R]` each."""
    tokens = torch.empty(len(logits), dtype=torch.long, device=logits.device)
    logprobs = torch.empty(len(logits), dtype=torch.float32, device=logits.device)
    on_cpu = logits.device.type == "cpu"
    most = max(1, _BLOCK_ELEMENTS // logits.shape[1]) if on_cpu else len(logits)
    for sampling, alike in plan.items():
        for start in range(0, len(alike), most):
            end = start + most
            rows = slice(start, end) if len(plan) == 1 else alike[start:end]  # a slice copies less
            block = logits[rows].float()
            drawn = draw(block, numbers[rows], sampling.temperature, sampling.top_p)
            tokens[rows], logprobs[rows] = drawn
    return tokens, logprobs
