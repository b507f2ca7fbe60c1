"""Sampling where a model may take some requests and not others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from advgame.errors import RejectedError
from advgame.protocols import Sampler, SamplesEach
from advgame.types import Completion, Message, SampleRequest

_HELLO = Message(role="user", content="Hello")


async def sample_each(
    sampler: Sampler, requests: Sequence[SampleRequest]
) -> list[tuple[Completion, ...] | RejectedError]:
    """Draw as `sampler.sample` does, with the error in place of what the model does not take.

    Where it takes none of them it is asked for a plain word, too.

    Raises:
        RejectedError: it takes not even that, so the fault is not the requests'.
        EndpointError: the engine is remote and did not serve.
    """
    if not isinstance(sampler, SamplesEach):
        return list(await sampler.sample(requests))
    drawn = await sampler.sample_each(requests)
    if drawn and all(isinstance(each, RejectedError) for each in drawn):
        plain = replace(requests[0], messages=(_HELLO,), context=None)
        (word,) = await sampler.sample_each([plain])
        if isinstance(word, RejectedError):
            raise word
    return drawn
