"""Whether the Hugging Face hub can be asked.

Its own client tries for half a minute for every file of a model before it gives up, and says so
line by line. One request of ours settles it: what is not in the cache then fails at once.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

_SECONDS = 10.0


def options(where: str | Path) -> dict[str, Any]:
    """Return the keyword arguments of `from_pretrained` that name the source `where`."""
    # Code that comes with a model is never run, nor is the user asked whether it should be.
    name = {"pretrained_model_name_or_path": where, "trust_remote_code": False}
    if isinstance(where, Path) or _answers():
        return name
    return {**name, "local_files_only": True}


@cache
def _answers() -> bool:
    """Whether the hub answers anything at all; asked once in a process."""
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        httpx.head(constants.ENDPOINT, timeout=_SECONDS)
    except httpx.HTTPError:
        return False
    return True
