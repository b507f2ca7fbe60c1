"""Any OpenAI-compatible endpoint as a `Sampler`: judges and frozen players.

One request a reply, each with its own seed, so a draw does not depend on its batch (as far as the
server honours `seed`). An endpoint shows no tokens: `prompt_ids` and `token_ids` stay empty,
`logprobs` is None, and such a completion cannot be trained on.
"""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

import httpx

from advgame.config.players import OpenAIEngine
from advgame.engines.http import JsonEndpoint
from advgame.errors import ConfigError, EndpointError, RejectedError
from advgame.types import Completion, Cost, Finish, Message, SampleRequest

T = TypeVar("T")
Body: TypeAlias = dict[str, Any]
Reply: TypeAlias = tuple[str, Finish, Cost]

_PREFLIGHT_SECONDS = 30.0
_NO_COUNT = 10**9  # so many tokens are no count of one answer
_SEED_BITS = 31  # the range every server takes


class OpenAISampler:
    """Draws completions from `POST {base_url}/chat/completions`. Implements `Sampler`.

    Where a request has a `context`, that chat is sent. `prefill` needs a server
    that continues a trailing assistant message: `engine.prefill` says whether, and how.

    Example:
        sampler = OpenAISampler(OpenAIEngine(base_url="http://127.0.0.1:8000/v1"), "my-model")
        await sampler.preflight()
        [[completion]] = await sampler.sample([request])
    """

    version = 0  # the weights never change

    def __init__(self, engine: OpenAIEngine, model: str) -> None:
        """Read the key; nothing is sent yet.

        Raises:
            ConfigError: a malformed address, or `key_env` names an unset or unusable variable.
        """
        self._engine = engine
        self._model = model
        self._key = _key(engine.key_env)
        self._endpoint = self._connectable(engine.timeout)
        self._cost = Cost()
        # A semaphore belongs to one event loop; callers may run a new loop for each call.
        self._limits: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            WeakKeyDictionary()
        )

    @property
    def cost(self) -> Cost:
        """Tokens read and sampled so far, as the server's `usage` reports them."""
        return self._cost

    async def sample(self, requests: Sequence[SampleRequest], /) -> list[tuple[Completion, ...]]:
        """Return, for each request in order, one completion per seed in order.

        Raises:
            EndpointError: the endpoint did not serve one of them, after its retries; the others
                are cancelled.
            ConfigError: a request has a prefill and `engine.prefill` is "none".
        """
        rows = await self._rows(requests, self._ask)
        return [
            tuple(_completion(reply, guided=request.context is not None) for reply in row)
            for request, row in zip(requests, rows, strict=True)
        ]

    async def sample_each(
        self, requests: Sequence[SampleRequest], /
    ) -> list[tuple[Completion, ...] | RejectedError]:
        """As `sample`, with the error in place of what the server rejects; the others go on."""
        found: list[tuple[Completion, ...] | RejectedError] = []
        for request, row in zip(requests, await self._rows(requests, self._try), strict=True):
            replies = [reply for reply in row if not isinstance(reply, RejectedError)]
            refused = next((reply for reply in row if isinstance(reply, RejectedError)), None)
            guided = request.context is not None
            found.append(refused or tuple(_completion(reply, guided=guided) for reply in replies))
        return found

    async def _rows(
        self,
        requests: Sequence[SampleRequest],
        ask: Callable[[httpx.AsyncClient, asyncio.Semaphore, Body], Coroutine[Any, Any, T]],
    ) -> list[list[T]]:
        """What `ask` returns for each seed of each request; its first error cancels the rest."""
        bodies = [[self._body(request, seed) for seed in request.seeds] for request in requests]
        limit = self._limits.setdefault(
            asyncio.get_running_loop(), asyncio.Semaphore(self._engine.concurrency)
        )
        try:
            async with (
                self._endpoint.connect(self._engine.concurrency) as client,
                asyncio.TaskGroup() as group,
            ):
                tasks = [
                    [group.create_task(ask(client, limit, body)) for body in row] for row in bodies
                ]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [[task.result() for task in row] for row in tasks]

    async def preflight(self) -> None:
        """Ask once, without retries, whether the endpoint is up and serves the model.

        A model named by a folder need not be listed (`transformers serve` lists hub names only):
        for it one token is asked for instead.

        Raises:
            EndpointError: it is not, or does not; the message names the nearest served model.
        """
        endpoint = self._connectable(min(self._engine.timeout, _PREFLIGHT_SECONDS))
        async with endpoint.connect(1) as client:
            names = _model_names(await endpoint.probe(client, "/models"), self._engine.base_url)
            if self._model in names:
                return
            if self._model.startswith(("/", "./", "../", "~")):
                await self._endpoint.call(client, "POST", "/chat/completions", self._ping())
                return
        near = difflib.get_close_matches(self._model, names, n=1, cutoff=0.0)
        nearest = f"the nearest of its {len(names)} models is {near[0][:80]!r}" if near else ""
        raise EndpointError(
            f"{self._engine.base_url} does not serve model {self._model!r}: "
            + (nearest or "it lists none")
        )

    def _connectable(self, timeout: float) -> JsonEndpoint:
        return JsonEndpoint(
            self._engine.base_url,
            model=self._model,
            key=self._key,
            key_env=self._engine.key_env,
            timeout=timeout,
            retries=self._engine.retries,
        )

    def _ping(self) -> dict[str, Any]:
        message = {"role": "user", "content": "Hello"}
        return {"model": self._model, "messages": [message], "max_tokens": 1}

    def _body(self, request: SampleRequest, seed: int) -> Body:
        messages = request.messages if request.context is None else request.context
        body: Body = {
            "model": self._model,
            "max_tokens": request.sampling.max_new_tokens,
            "temperature": request.sampling.temperature,
            "top_p": request.sampling.top_p,
            "seed": seed % 2**_SEED_BITS,
        }
        if request.prefill:
            if self._engine.prefill == "none":
                raise ConfigError(
                    f"{self._engine.base_url}: the move's format opens the reply (prefill), which "
                    "this endpoint is not known to continue: set engine.prefill to trailing or "
                    "vllm if it does, or choose a format without a prefill"
                )
            messages = (*messages, Message(role="assistant", content=request.prefill))
            if self._engine.prefill == "vllm":
                body |= {"continue_final_message": True, "add_generation_prompt": False}
        return body | {"messages": [{"role": m.role, "content": m.content} for m in messages]}

    async def _try(
        self, client: httpx.AsyncClient, limit: asyncio.Semaphore, body: Body
    ) -> Reply | RejectedError:
        try:
            return await self._ask(client, limit, body)
        except RejectedError as error:
            return error

    async def _ask(self, client: httpx.AsyncClient, limit: asyncio.Semaphore, body: Body) -> Reply:
        async with limit:
            answer = await self._endpoint.call(client, "POST", "/chat/completions", body)
        text, finish = _reply(answer, self._engine.base_url)
        cost = Cost(
            sampled_tokens=_used(answer, "completion_tokens"),
            read_tokens=_used(answer, "prompt_tokens"),
        )
        self._cost += cost
        return text, finish, cost


def _key(name: str | None) -> str | None:
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise ConfigError(
            f"engine.key_env: the environment variable {name} is not set: export the key in it"
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            f"engine.key_env: the key in ${name} holds characters no header can carry: "
            "export it anew"
        )
    return key


def _model_names(answer: dict[str, Any], where: str) -> list[str]:
    match answer:
        case {"data": [*rows]}:
            return [
                row["id"]
                for row in rows
                if isinstance(row, dict) and isinstance(row.get("id"), str)
            ]
        case _:
            raise EndpointError(
                f"{where}/models answered no list of models: is it an OpenAI-compatible API?"
            )


def _reply(answer: dict[str, Any], where: str) -> tuple[str, Finish]:
    match answer:
        case {"choices": [{"message": {"content": str() | None as content}} as choice, *_]}:
            # JSON can smuggle in lone surrogates, which no file or terminal can take.
            text = (content or "").encode("utf-8", "replace").decode("utf-8")
            cut = choice.get("finish_reason") == "length"
            return text, Finish.LENGTH if cut else Finish.STOP
        case _:
            raise EndpointError(
                f"{where}/chat/completions answered without choices[0].message.content: "
                "is it an OpenAI-compatible API?"
            )


def _used(answer: dict[str, Any], what: str) -> int:
    """A count of the answer's `usage`; 0 where the server does not say."""
    usage = answer.get("usage")
    count = usage.get(what) if isinstance(usage, dict) else None
    if not isinstance(count, int) or isinstance(count, bool):
        return 0
    return count if 0 <= count < _NO_COUNT else 0


def _completion(reply: Reply, *, guided: bool) -> Completion:
    text, finish, cost = reply
    return Completion(
        prompt_ids=(),
        token_ids=(),
        logprobs=None,
        text=text,
        finish=finish,
        policy_version=0,
        guided=guided,
        cost=cost,
    )
