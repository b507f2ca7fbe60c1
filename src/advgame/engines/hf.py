"""Sampling in this process from Hugging Face weights."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from advgame.engines.rollout import Reply, rollout
from advgame.engines.waves import Group, Row, waves
from advgame.errors import ModelError, RejectedError, TooLongError
from advgame.models.chat import render, stop_ids
from advgame.models.flops import Shape, forward_flops
from advgame.models.lora import fused_forwards, patched
from advgame.models.weights import PlayerWeights, SetName
from advgame.types import Completion, Cost, Finish, Message, SampleRequest

_OPENING = 60  # characters that tell which text is meant

Prompt: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]  # as learned from, as drawn after
Told: TypeAlias = Callable[[int, int, str], None]
"""Called with the number of a request, of a reply to it, and the reply's text so far."""


class HfSampler:
    """A `Sampler` on one set of a player's weights.

    Requests with the same prompt share its computation. `sample` runs in a thread, one at a time
    for each network, so the event loop goes on serving endpoints meanwhile.
    """

    def __init__(
        self,
        weights: PlayerWeights,
        batch_tokens: int = 24_576,
        set_name: SetName = "sampler",
    ) -> None:
        """Sample from `set_name` of `weights`, `batch_tokens` of keys and values at once.

        Raises:
            ModelError: the architecture attends in a way this engine does not compute.
        """
        self._weights = weights
        self._batch_tokens = batch_tokens
        self._set: SetName = set_name
        self._version = 0
        self._cost = Cost()
        with weights.use(set_name) as model:
            config = model.config.get_text_config()  # type: ignore[union-attr,operator]
            self._stop = stop_ids(weights.tokenizer, model.generation_config)
        _check(config)
        self._shape = Shape.of(config.to_dict())
        self._context: int = min(
            config.max_position_embeddings,
            getattr(config, "sliding_window", None) or config.max_position_embeddings,
        )

    @property
    def version(self) -> int:
        """What the last push called the weights it samples from."""
        return self._version

    @property
    def cost(self) -> Cost:
        """Tokens drawn and operations spent so far, prompts counted once a call."""
        return self._cost

    @property
    def positions(self) -> int:
        """The most tokens that a prompt and its reply may have together."""
        return self._context

    def length(self, request: SampleRequest) -> int:
        """How many tokens the prompt of `request` has, or what stands in its place if longer."""
        chats = (request.messages, request.context or ())
        return max(
            len(render(self._weights.tokenizer, chat, request.prefill)) for chat in chats if chat
        )

    def pushed(self, version: int) -> None:
        """Take note that the weights it samples from are `version` from now on."""
        self._version = version

    async def sample(
        self, requests: Sequence[SampleRequest], /, *, told: Told | None = None
    ) -> list[tuple[Completion, ...]]:
        """Draw one completion for each seed of each request, in order.

        `told` hears, in the thread that draws, how each reply grows.

        Raises:
            ModelError: a prompt does not fit the model's context, or the weights have diverged.
        """
        return await asyncio.to_thread(self._sample, requests, told)

    async def sample_each(
        self, requests: Sequence[SampleRequest], /
    ) -> list[tuple[Completion, ...] | RejectedError]:
        """As `sample`, with the error in place of a request that the context has no room for."""
        return await asyncio.to_thread(self._sample_each, requests)

    def _sample(
        self, requests: Sequence[SampleRequest], told: Told | None
    ) -> list[tuple[Completion, ...]]:
        return self._draw(requests, [self._prompt(request) for request in requests], told)

    def _sample_each(
        self, requests: Sequence[SampleRequest]
    ) -> list[tuple[Completion, ...] | RejectedError]:
        prompts: dict[int, Prompt] = {}
        found: dict[int, tuple[Completion, ...] | RejectedError] = {}
        for place, request in enumerate(requests):
            try:
                prompts[place] = self._prompt(request)
            except TooLongError as error:
                found[place] = error
        asked = [requests[place] for place in prompts]
        drawn = self._draw(asked, list(prompts.values()), None) if asked else []
        found |= zip(prompts, drawn, strict=True)
        return [found[place] for place in range(len(requests))]

    def _prompt(self, request: SampleRequest) -> Prompt:
        prompt = self._render(request, request.messages)
        return prompt, self._render(request, request.context) if request.context else prompt

    def _draw(
        self, requests: Sequence[SampleRequest], rendered: Sequence[Prompt], told: Told | None
    ) -> list[tuple[Completion, ...]]:
        prompts = [prompt for prompt, _ in rendered]
        contexts = [context for _, context in rendered]
        drawn: dict[tuple[int, int], Completion] = {}
        tokenizer = self._weights.tokenizer
        with (
            self._weights.use(self._set) as model,
            torch.inference_mode(),
            patched(fused_forwards(model)),
        ):
            version = self._version
            for wave in waves(_groups(requests, contexts), self._batch_tokens):
                replies = rollout(model, wave, self._stop, self._teller(told))
                costs = self._costs(wave, replies)
                self._cost = sum(costs, self._cost)
                texts = tokenizer.batch_decode(
                    [reply.tokens for reply in replies],
                    skip_special_tokens=True,
                    clean_up_tokenization_spaces=False,
                )
                for reply, text, cost in zip(replies, texts, costs, strict=True):
                    drawn[reply.row.request, reply.row.reply] = Completion(
                        prompt_ids=prompts[reply.row.request],
                        token_ids=tuple(reply.tokens),
                        logprobs=tuple(reply.logprobs),
                        text=text,
                        finish=reply.finish or Finish.LENGTH,
                        policy_version=version,
                        guided=requests[reply.row.request].context is not None,
                        cost=cost,
                    )
        return [
            tuple(drawn[index, place] for place in range(len(request.seeds)))
            for index, request in enumerate(requests)
        ]

    def _teller(self, told: Told | None) -> Callable[[Reply], None] | None:
        if told is None:
            return None
        tokenizer, tell = self._weights.tokenizer, told

        def hear(reply: Reply) -> None:
            text = tokenizer.decode(
                reply.tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            tell(reply.row.request, reply.row.reply, text)

        return hear

    def _render(self, request: SampleRequest, messages: Sequence[Message]) -> tuple[int, ...]:
        ids = render(self._weights.tokenizer, messages, request.prefill)
        if len(ids) + request.sampling.max_new_tokens > self._context:
            opening = messages[-1].content[:_OPENING] if messages else ""
            raise TooLongError(
                f"a prompt of {len(ids)} tokens and max_new_tokens="
                f"{request.sampling.max_new_tokens} exceed the model's {self._context} positions: "
                f"shorten the text ({opening!r}…) or lower sampling.max_new_tokens"
            )
        return ids

    def _costs(self, wave: Sequence[Group], replies: Sequence[Reply]) -> list[Cost]:
        """What each reply took; its prompt is booked with the first reply to it."""
        known = {(row.request, row.reply): len(g.prompt) - 1 for g in wave for row in g.rows}
        first = {(g.rows[0].request, g.rows[0].reply) for g in wave}
        costs = []
        for reply in replies:
            place, new = (reply.row.request, reply.row.reply), len(reply.tokens)
            read = known[place]
            flops = forward_flops(self._shape, new, read + (new + 1) / 2, new)
            if place in first:
                flops += forward_flops(self._shape, read, read / 2, 0)
            costs.append(
                Cost(
                    sampled_tokens=new,
                    read_tokens=read + 1 if place in first else 0,
                    flops=round(flops),
                )
            )
        return costs


def _groups(requests: Sequence[SampleRequest], contexts: Sequence[tuple[int, ...]]) -> list[Group]:
    """Gather the replies wanted to each distinct prompt."""
    rows: dict[tuple[int, ...], list[Row]] = {}
    for index, (request, context) in enumerate(zip(requests, contexts, strict=True)):
        rows.setdefault(context, []).extend(
            Row(index, place, seed, request.sampling) for place, seed in enumerate(request.seeds)
        )
    return [Group(prompt, tuple(wanted)) for prompt, wanted in rows.items() if wanted]


def _check(config: object) -> None:
    """Refuse architectures whose layers are not plain attention over all earlier positions."""
    kinds = set(getattr(config, "layer_types", None) or ())
    odd = sorted(kinds - {"full_attention", "sliding_attention"})
    if getattr(config, "attn_logit_softcapping", None):
        odd.append("soft-capped attention")
    if odd:
        raise ModelError(f"engine hf cannot sample from a model with {', '.join(odd)}")
