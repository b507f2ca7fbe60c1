"""Sampling where some requests are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from advgame.each import sample_each
from advgame.errors import RejectedError
from advgame.types import Completion, Cost, Finish, Message, SampleRequest, Sampling


class Short:
    """Takes prompts of at most `room` characters, those that guide included."""

    def __init__(self, room: int) -> None:
        self.room = room

    async def sample_each(
        self, requests: Sequence[SampleRequest], /
    ) -> list[tuple[Completion, ...] | RejectedError]:
        return [self._one(each) for each in requests]

    def _one(self, request: SampleRequest) -> tuple[Completion, ...] | RejectedError:
        read = sum(len(each.content) for each in request.context or request.messages)
        if read > self.room:
            return RejectedError(f"{read} characters")
        said = Completion(
            prompt_ids=(1,), token_ids=(2,), logprobs=None, text="yes", finish=Finish.STOP,
            policy_version=0,
        )  # fmt: skip
        return (said,)

    sample = sample_each
    version = 0
    cost = Cost()


def chat(length: int) -> tuple[Message, ...]:
    return (Message(role="user", content="x" * length),)


def test_guided_requests_that_are_all_too_long_get_no_reply_and_stop_nothing() -> None:
    asked = SampleRequest(
        messages=chat(9), context=chat(200), seeds=(0,), sampling=Sampling(max_new_tokens=1)
    )
    (found,) = asyncio.run(sample_each(Short(100), [asked]))  # type: ignore[arg-type]
    assert isinstance(found, RejectedError)
    with pytest.raises(RejectedError, match="5 characters"):  # not even a plain word
        asyncio.run(sample_each(Short(3), [asked]))  # type: ignore[arg-type]
