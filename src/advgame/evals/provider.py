"""Models of advgame as a model provider of Inspect: `--model advgame/NAME`.

NAME is what `advgame eval` takes: a run folder, an exported player, a model folder, a packaged
asset or a hub name. Calls that come together are drawn together, and replies are kept on disk by
content: an evaluation that was stopped goes on where it was.

`advgame/attacker:NAME` is NAME as an Attacker: it rewrites the first user message, asked in the
format it learned, as behind `advgame serve`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, modelapi

from advgame.assets import cache_dir
from advgame.derive import derive, digest
from advgame.engines.gather import Gather
from advgame.errors import ModelError
from advgame.evals.loaded import Loaded, load_target
from advgame.evals.own_api import OwnAPI
from advgame.evals.target import target_of
from advgame.judges.cache import VerdictCache
from advgame.serve.player import manner_of
from advgame.serve.shapes import wanted
from advgame.types import Finish, Kind, Message, Role, SampleRequest, Sampling

MAX_TOKENS = 256
AT_ONCE = 32  # samples under way; a stopped evaluation loses the batch of them that was drawn


class AdvGameAPI(OwnAPI):
    """Inspect's view of a model in this process."""

    def __init__(
        self,
        model_name: str,
        *args: Any,
        player: str = "defender",
        step: int | None = None,
        weights: str | None = None,
        cached: bool = True,
        **named: Any,
    ) -> None:
        """Load the model. `player`, `step`, `weights` choose among a run's (`-M player=attacker`).

        The other arguments are Inspect's, which keeps one named `role` to itself.

        Raises:
            AdvGameError: there is no such model.
        """
        super().__init__(model_name, *args, **named)
        played, _, name = model_name.partition(":")
        self._attacks = played == "attacker"  # -M player=attacker is its weights, asked plainly
        if self._attacks:
            player, model_name = played, name
        target = target_of(model_name, role=Role(player), step=step, weights=weights)  # type: ignore[arg-type]
        if target.endpoint is not None:
            raise ModelError(f"{model_name}: use Inspect's own provider openai-api for endpoints")
        self.loaded: Loaded = load_target(target)
        self._manner = manner_of(replace(target, role=Role(player)))
        self._draw = Gather(self.loaded.sampler.sample)
        keep = cached and self.loaded.fingerprint is not None
        self._cache = VerdictCache(cache_dir() / "eval-replies") if keep else None
        self.from_cache = 0

    def max_connections(self) -> int:
        """How many samples Inspect keeps under way."""
        return AT_ONCE

    async def generate(
        self, input: list[ChatMessage], tools: Any, tool_choice: Any, config: GenerateConfig
    ) -> ModelOutput:
        """Reply to a chat, with the seed of `config` or one derived from the chat.

        A chat that does not fit the model's positions gets no reply and the stop reason
        `model_length`.
        """
        messages = tuple(Message(role=m.role, content=m.text) for m in input)
        how = self._sampling(config)
        seed = config.seed
        if seed is None:
            seed = derive(0, "eval", *(m.content for m in messages))
        request = self._request(messages, seed, how)
        tokens = self.loaded.length(request)
        if tokens + how.max_new_tokens > self.loaded.sampler.positions:
            return self.said("", "model_length", read=tokens, written=0)
        key = self._key(request)
        kept = self._cache.get(key) if self._cache else None
        if kept is not None:
            self.from_cache += 1
            found = json.loads(kept)
        else:
            (completion,) = await self._draw(request)
            found = {
                "text": completion.text,
                "cut": completion.finish is Finish.LENGTH,
                "tokens": len(completion.token_ids),
            }
            if self._cache:
                self._cache.put(key, json.dumps(found))
        text = _until(self._read(found["text"]), config.stop_seqs or [])
        stop = "max_tokens" if found["cut"] else "stop"
        if kept is not None:
            return self.said(text, stop, read=0, written=0)  # it costs nothing anew
        return self.said(text, stop, read=tokens, written=found["tokens"])

    def _sampling(self, config: GenerateConfig) -> Sampling:
        """As asked for; an Attacker's own where that is not said, and never longer."""
        plain = Sampling(temperature=0.0, max_new_tokens=MAX_TOKENS)
        own = self._manner.sampling if self._attacks else plain
        tokens = config.max_tokens or own.max_new_tokens
        return Sampling(
            temperature=own.temperature if config.temperature is None else config.temperature,
            top_p=own.top_p if config.top_p is None else config.top_p,
            max_new_tokens=min(tokens, own.max_new_tokens) if self._attacks else tokens,
        )

    def _request(self, messages: tuple[Message, ...], seed: int, how: Sampling) -> SampleRequest:
        if not self._attacks:
            return self.loaded.request(messages, seed, how)
        form = self._manner.format
        request, _ = wanted(messages)
        asked = form.messages(request, Kind.HARMFUL, self._manner.system)
        return SampleRequest(messages=asked, seeds=(seed,), sampling=how, prefill=form.prefill)

    def _read(self, text: str) -> str:
        if not self._attacks:
            return self.loaded.read(text)
        parsed = self._manner.format.parse(text)
        return parsed.text if parsed else ""

    def _key(self, request: SampleRequest) -> str:
        how = request.sampling
        return digest(
            self.loaded.fingerprint,
            [[m.role, m.content] for m in request.messages],
            request.prefill,
            [how.temperature, how.top_p, how.max_new_tokens],
            request.seeds if how.temperature else [],
        )


@modelapi(name="advgame")  # type: ignore[untyped-decorator]
def advgame() -> type[ModelAPI]:
    """The provider of `--model advgame/NAME`."""
    return AdvGameAPI


def _until(text: str, stops: list[str]) -> str:
    """`text` up to the first of `stops`."""
    ends = [text.find(stop) for stop in stops if stop in text]
    return text[: min(ends)] if ends else text
