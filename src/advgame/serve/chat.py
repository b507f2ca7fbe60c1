"""One chat completion: from a body to a response, whole or in pieces."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

from advgame.derive import derive
from advgame.errors import ModelError
from advgame.serve.body import ChatBody
from advgame.serve.desk import Desk, Reply
from advgame.serve.errors import FAILED, NotServedError, invalid
from advgame.serve.player import Mode
from advgame.serve.shapes import Shape
from advgame.serve.stream import DONE, Pieces, event, until
from advgame.types import Finish, SampleRequest

_LOG = logging.getLogger(__name__)


class Chat:
    """One request on its way: checked when made, drawn by `whole` or `pieces`."""

    def __init__(
        self,
        body: ChatBody,
        mode: Mode,
        desk: Desk,
        request: SampleRequest,
        shape: Shape | None,
    ) -> None:
        """Use `read` to make one."""
        self._shape = shape
        self._body = body
        self._mode = mode
        self._desk = desk
        self._request = request
        self._prompt_tokens = 0
        self._head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": body.model,
        }

    @classmethod
    async def read(
        cls, body: ChatBody, modes: Mapping[str, Mode], desk: Desk, most_tokens: int
    ) -> Chat:
        """Check a body against the model it names.

        Raises:
            NotServedError: no such model, or the chat does not fit it.
        """
        mode = modes.get(body.model)
        if mode is None:
            served = ", ".join(modes)
            message = f"no model is named {body.model[:100]!r} here; there are {served}"
            raise NotServedError(404, "model_not_found", message)
        drawn = ("drawn", desk.number()) if body.seed is None else ("seed", body.seed)
        messages, shape = mode.ask(body.chat)
        if body.wants_json and not (shape and shape.json):
            raise NotServedError(400, "unsupported", "response_format is not served here")
        request = SampleRequest(
            messages=messages,
            seeds=tuple(derive(0, "serve", *drawn, index) for index in range(body.n)),
            sampling=mode.sampling(body.temperature, body.top_p, body.most_tokens, most_tokens),
            prefill=mode.prefill,
        )
        chat = cls(body, mode, desk, request, shape)
        try:  # a long text takes a while
            chat._prompt_tokens = await asyncio.to_thread(mode.player.tokens, request)
        except ModelError as error:
            raise invalid(str(error)) from None
        wanted, there = chat._prompt_tokens + request.sampling.max_new_tokens, mode.player.context
        if wanted > there:
            raise invalid(
                f"the prompt has {chat._prompt_tokens} tokens and up to "
                f"{request.sampling.max_new_tokens} are wanted: more than the model's {there}",
                "context_length_exceeded",
            )
        return chat

    async def whole(self) -> dict[str, Any]:
        """The response as one object."""
        replies = await self._desk.reply(self._mode, self._request)
        choices = []
        for index, reply in enumerate(replies):
            text, stopped = until(self._laid_out(reply), self._stops)
            choice = {
                "index": index,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "finish_reason": _finish(reply, stopped),
                "logprobs": None,
            }
            choices.append(choice | _fault(reply))
        return {
            **self._head,
            "object": "chat.completion",
            "choices": choices,
            "usage": self._usage(replies),
        }

    async def pieces(self) -> AsyncIterator[bytes]:
        """The response as events. A reply in a format comes in one piece, when it has parsed."""
        grown: asyncio.Queue[tuple[int, str] | None] = asyncio.Queue()
        whole = self._mode.whole or self._shape is not None
        told = None if whole else lambda index, text: grown.put_nowait((index, self._begun(text)))
        work = asyncio.ensure_future(self._desk.reply(self._mode, self._request, told))
        work.add_done_callback(lambda _: grown.put_nowait(None))
        pieces = [Pieces(self._stops) for _ in self._request.seeds]
        try:
            for index in range(len(pieces)):
                yield self._event(index, {"role": "assistant", "content": ""})
            while (news := await grown.get()) is not None:
                index, text = news
                if new := pieces[index].grow(text):
                    yield self._event(index, {"content": new})
            replies = await work
            for index, reply in enumerate(replies):
                if new := pieces[index].grow(self._laid_out(reply), last=True):
                    yield self._event(index, {"content": new})
                end = _finish(reply, pieces[index].stopped)
                yield self._event(index, {}, finish_reason=end, **_fault(reply))
            options = self._body.stream_options
            if options is not None and options.include_usage:
                yield self._chunk(choices=[], usage=self._usage(replies))
        except NotServedError as refused:  # the status line is out: what is left is to say so
            yield event(refused.body())
        except Exception:
            _LOG.exception("a streamed reply failed")
            yield event(FAILED.body())
        finally:
            work.cancel()
        yield DONE

    @property
    def _stops(self) -> tuple[str, ...]:
        """What ends a reply; an object in JSON ends by itself."""
        return () if self._shape else self._body.stops

    def _begun(self, text: str) -> str:
        """The text so far without blanks before it, as a move is read."""
        return text.lstrip() if self._mode.move else text

    def _laid_out(self, reply: Reply) -> str:
        return self._shape.lay_out(reply.text) if self._shape else reply.text

    def _event(self, index: int, delta: dict[str, Any], **more: Any) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": None, "logprobs": None}
        return self._chunk(choices=[choice | more])

    def _chunk(self, **fields: Any) -> bytes:
        return event({**self._head, "object": "chat.completion.chunk", **fields})

    def _usage(self, replies: list[Reply]) -> dict[str, int]:
        written = sum(reply.tokens for reply in replies)
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": written,
            "total_tokens": self._prompt_tokens + written,
        }


def _finish(reply: Reply, stopped: bool) -> str:
    return "length" if reply.finish is Finish.LENGTH and not stopped else "stop"


def _fault(reply: Reply) -> dict[str, Any]:
    """What a client that knows advgame may read beside a choice."""
    return {"advgame": {"fault": reply.fault}} if reply.fault else {}
