"""Rollouts as a user of `transformers` has them: `generate` on batches of chats, left-padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from advgame.models.chat import render, stop_ids
from advgame.types import Completion, Cost, Finish, SampleRequest


class GenerateSampler:
    """A `Sampler` by `model.generate`, drawing `num_return_sequences` replies to each prompt.

    Requests of like settings and number of replies go together, sorted by length, in batches of
    at most `batch_tokens` padded tokens: the kindest arrangement that needs no code of one's own
    around `generate`'s arguments.
    """

    def __init__(self, model: Any, tokenizer: Any, batch_tokens: int) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._batch_tokens = batch_tokens
        self._stop = stop_ids(tokenizer, model.generation_config)
        self.cost = Cost()
        self.version = 0

    async def sample(self, requests: Sequence[SampleRequest], /) -> list[tuple[Completion, ...]]:
        return self.draw(requests)

    @torch.inference_mode()
    def draw(self, requests: Sequence[SampleRequest]) -> list[tuple[Completion, ...]]:
        """Draw one completion for each seed of each request (the seeds themselves are not used:
        `generate` draws from torch's global generator)."""
        found: dict[int, tuple[Completion, ...]] = {}
        contexts = [
            render(self._tokenizer, request.context or request.messages, request.prefill)
            for request in requests
        ]
        prompts = [
            render(self._tokenizer, request.messages, request.prefill) for request in requests
        ]
        for batch in self._batches(requests, contexts):
            rows = self._generate([contexts[i] for i in batch], requests[batch[0]])
            each = len(requests[batch[0]].seeds)
            texts = self._tokenizer.batch_decode(rows, skip_special_tokens=True)
            for place, index in enumerate(batch):
                mine = range(place * each, (place + 1) * each)
                found[index] = tuple(
                    Completion(
                        prompt_ids=prompts[index],
                        token_ids=tuple(rows[i]),
                        logprobs=None,
                        text=texts[i],
                        finish=Finish.STOP if rows[i][-1] in self._stop else Finish.LENGTH,
                        policy_version=0,
                        guided=requests[index].context is not None,
                    )
                    for i in mine
                )
        drawn = [found[index] for index in range(len(requests))]
        self.cost += Cost(sampled_tokens=sum(len(c.token_ids) for row in drawn for c in row))
        return drawn

    def _batches(
        self, requests: Sequence[SampleRequest], contexts: Sequence[tuple[int, ...]]
    ) -> list[list[int]]:
        def kind(index: int) -> tuple[Any, ...]:
            sampling = requests[index].sampling
            settings = sampling.temperature, sampling.top_p, sampling.max_new_tokens
            return (len(requests[index].seeds), *settings)

        batches: list[list[int]] = []
        for index in sorted(range(len(requests)), key=lambda i: (kind(i), len(contexts[i]))):
            request = requests[index]
            width = len(contexts[index]) + request.sampling.max_new_tokens
            last = batches[-1] if batches else []
            fits = (len(last) + 1) * len(request.seeds) * width <= self._batch_tokens
            if last and kind(last[0]) == kind(index) and fits:
                last.append(index)
            else:
                batches.append([index])
        return batches

    def _generate(
        self, prompts: Sequence[tuple[int, ...]], request: SampleRequest
    ) -> list[list[int]]:
        """Return the new tokens of each row, the end token included, padding cut off."""
        width, end = max(map(len, prompts)), self._tokenizer.eos_token_id
        device = self._model.device
        ids = torch.tensor([[end] * (width - len(p)) + list(p) for p in prompts], device=device)
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
        sampling = request.sampling
        drawn: dict[str, Any] = (
            {"do_sample": True, "temperature": sampling.temperature, "top_k": 0}
            | {"top_p": sampling.top_p}
            if sampling.temperature
            else {"do_sample": False}
        )
        out = self._model.generate(
            input_ids=ids,
            attention_mask=mask,
            num_return_sequences=len(request.seeds),
            max_new_tokens=sampling.max_new_tokens,
            eos_token_id=sorted(self._stop),
            pad_token_id=end,
            **drawn,
        )
        return [self._cut(row) for row in out[:, width:].tolist()]

    def _cut(self, row: list[int]) -> list[int]:
        ends = [place for place, token in enumerate(row) if token in self._stop]
        return row[: ends[0] + 1] if ends else row
