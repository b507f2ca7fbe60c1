"""Whether the Hugging Face hub can be asked.

Its own client tries for half a minute for every file before it gives up, and says so line by
line. One request of ours settles it: what is not in the cache then fails at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

_SECONDS = 10.0


def options(where: str | Path) -> dict[str, Any]:
    """Return the keyword arguments of `from_pretrained` that name the source `where`."""
    # Code that comes with a model is never run, nor is the user asked whether it should be.
    name = {"pretrained_model_name_or_path": where, "trust_remote_code": False}
    if isinstance(where, Path) or answers():
        return name
    return {**name, "local_files_only": True}


@contextmanager
def cached_if_silent() -> Iterator[None]:
    """Within, a hub that does not answer counts as offline to every library that asks it.

    For libraries that hand no such option on to the client (`datasets`, lm-eval).
    """
    from huggingface_hub import constants

    with patch.object(constants, "HF_HUB_OFFLINE", not answers()):
        yield


@cache
def answers() -> bool:
    """Whether the hub answers anything at all; asked once in a process."""
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        httpx.head(constants.ENDPOINT, timeout=_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError):  # or a proxy it is no for
        return False
    return True


def why_not(error: Exception) -> str:
    """Why the hub gave nothing, in a line: what its client said, or that it does not answer."""
    if not answers():
        return (
            "not in this machine's cache, and the Hugging Face hub does not answer; try again "
            "with a connection"
        )
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
