"""Models as lm-evaluation-harness asks them: every answer kept by content, and counted.

    Kept       weights in this process: lm-eval's own code scores and writes
    Endpoint   an OpenAI-compatible endpoint: writes, but shows no probabilities

lm-eval keeps answers in pickles or not at all; ours are text, so an evaluation that was stopped
goes on where it was.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from lm_eval.api.model import LM
from lm_eval.models.huggingface import HFLM

from advgame.derive import derive
from advgame.engines.openai import OpenAISampler
from advgame.errors import SeedError
from advgame.evals.loaded import Loaded
from advgame.judges.cache import VerdictCache
from advgame.types import Message, SampleRequest, Sampling

BATCH: Final = 8
AT_ONCE: Final = 8 * BATCH  # scored between two looks at the clock; few, so that little is lost
Told = Callable[[int, int], None]
"""(done, of): told of answers."""


class Answers:
    """Answers of one model on disk, or nowhere; counts what was kept."""

    def __init__(self, of: str | None, cache: VerdictCache | None, told: Told) -> None:
        """`of` identifies the model and how it is asked; None = nothing is kept."""
        self._of = of
        self._cache = cache if of else None
        self._told = told
        self.from_cache = 0

    def get(
        self, kind: str, requests: Sequence[Any], ask: Callable[[list[Any]], list[Any]], step: int
    ) -> list[Any]:
        """An answer to each of lm-eval's `requests`, `step` new ones at a time by `ask`."""
        keys = [self._key(kind, request) for request in requests]
        found = {key: kept for key in keys if (kept := self._kept(key)) is not None}
        self.from_cache += sum(key in found for key in keys)
        # Longest first, as lm-eval itself asks: batches of like length, and no surprise at the end.
        missing = {key: each for key, each in zip(keys, requests, strict=True) if key not in found}
        order = sorted(missing, key=lambda key: (-len(str(missing[key].args[0])), key))
        self._told(len(found), len(set(keys)))
        for some in _pieces(order, step):
            for key, answer in zip(some, ask([missing[key] for key in some]), strict=True):
                found[key] = answer
                if self._cache is not None:
                    self._cache.put(key, json.dumps(answer))
            self._told(len(found), len(set(keys)))
        return [found[key] for key in keys]

    def _key(self, kind: str, request: Any) -> str:
        return hashlib.sha256(json.dumps([self._of, kind, request.args]).encode()).hexdigest()

    def _kept(self, key: str) -> Any:
        text = self._cache.get(key) if self._cache is not None else None
        return None if text is None else json.loads(text)


class Kept(HFLM):  # type: ignore[misc]  # lm-eval is not typed for us
    """lm-eval's own model on weights of ours.

    `read` counts the tokens it was given, padding included, `written` those it wrote. `cut` are the
    items, (part, number), whose prompt has more tokens than there is room for: lm-eval would cut
    its beginning and score what is left.
    """

    def __init__(self, model: Any, loaded: Loaded, answers: Answers) -> None:
        """`model` is what `loaded.weights.use` gives."""
        super().__init__(
            pretrained=model,
            tokenizer=loaded.weights.tokenizer,
            device=str(loaded.weights.device),
            batch_size=BATCH,
        )
        self._answers = answers
        self.read = self.written = 0
        self.cut: set[tuple[str, int]] = set()

    def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Log-probability of each continuation, and whether it is the greedy one."""
        ask = super().loglikelihood
        self._note_cut((each, "".join(each.args), self.max_length + 1) for each in requests)
        found = self._answers.get(
            "loglikelihood", requests, lambda some: ask(some, disable_tqdm=True), AT_ONCE
        )
        return [(float(logp), bool(greedy)) for logp, greedy in found]

    def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
        """What the model writes after each context.

        Raises:
            SeedError: replies may be as long as the model's positions, or longer.
        """
        ask = super().generate_until
        room = [self.max_length - _longest(each, self.max_gen_toks) for each in requests]
        if min(room, default=1) < 1:
            raise SeedError(
                f"replies of {self.max_length - min(room)} tokens leave no room for a prompt: the "
                f"model has {self.max_length} positions; lower --max-tokens"
            )
        self._note_cut(
            (each, each.args[0], most) for each, most in zip(requests, room, strict=True)
        )
        return self._answers.get(
            "generate_until", requests, lambda some: ask(some, disable_tqdm=True), BATCH
        )

    def _note_cut(self, asked: Iterable[tuple[Any, str, int]]) -> None:
        for request, text, most in asked:
            if len(self.tok_encode(text)) > most:
                self.cut.add((request.task_name, request.doc_id))

    def _model_call(self, inps: Any, *rest: Any, **named: Any) -> Any:
        self.read += inps.numel()
        return super()._model_call(inps, *rest, **named)

    def _model_generate(self, context: Any, *rest: Any, **named: Any) -> Any:
        found = super()._model_generate(context, *rest, **named)
        self.read += context.numel()
        self.written += found.numel() - context.numel()
        return found


class Endpoint(LM):  # type: ignore[misc]
    """What lm-eval needs of an endpoint for tasks that write."""

    tokenizer_name = "endpoint"

    def __init__(self, sampler: OpenAISampler, answers: Answers) -> None:
        """`sampler` asks the endpoint."""
        super().__init__()
        self._sampler = sampler
        self._answers = answers

    @property
    def read(self) -> int:
        """Tokens it was given, as it says."""
        return self._sampler.cost.read_tokens

    @property
    def written(self) -> int:
        """Tokens it wrote, as it says."""
        return self._sampler.cost.sampled_tokens

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """The chat as JSON: the endpoint has the template."""
        return json.dumps(chat_history)

    def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
        """What the model writes after each context."""
        return self._answers.get("generate_until", requests, self._write, AT_ONCE)

    def _write(self, requests: list[Any]) -> list[str]:
        drawn = asyncio.run(self._sampler.sample([_request(*each.args) for each in requests]))
        return [completion.text for (completion,) in drawn]

    def loglikelihood(self, requests: Any) -> Any:
        """Never asked: `run_utility` refuses such tasks before."""
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: Any) -> Any:
        """Never asked: no task here needs it."""
        raise NotImplementedError


def _longest(request: Any, otherwise: int) -> int:
    """The most tokens that may be written to a request."""
    return int(request.args[1].get("max_gen_toks", otherwise))


def _request(context: str, how: dict[str, Any]) -> SampleRequest:
    messages = tuple(Message(role=m["role"], content=m["content"]) for m in json.loads(context))
    return SampleRequest(
        messages=messages,
        seeds=(derive(0, "eval", context) >> 32,),
        sampling=Sampling(temperature=0.0, max_new_tokens=how.get("max_gen_toks", 256)),
    )


def _pieces(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
