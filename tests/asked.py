"""What the model of a command in a process of its own is asked: for `before` of `warm.Command`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def record(log: str, cache: str, stand_still_at: int | None = None) -> None:
    """Note the chats of every batch in `log`, a line a batch, and keep answers below `cache`.

    `stand_still_at`: the batch (the first is 1) that is never answered; standard output says so.
    """
    from advgame.engines.hf import HfSampler

    os.environ["ADVGAME_CACHE"] = cache
    sample = HfSampler.sample
    batches = 0

    async def noted(self: HfSampler, requests: Sequence[Any], /, **named: Any) -> Any:
        nonlocal batches
        batches += 1
        with Path(log).open("a") as file:
            print(json.dumps([each.messages[-1].content for each in requests]), file=file)
        if batches == stand_still_at:
            os.write(1, b"standing still\n")
            time.sleep(600)
        return await sample(self, requests, **named)

    HfSampler.sample = noted  # type: ignore[method-assign]  # in a process of its own


def batches(log: Path) -> list[list[str]]:
    """The chats of each batch that `record` noted."""
    return [json.loads(line) for line in log.read_text().splitlines()]
