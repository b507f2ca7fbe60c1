"""Where downloaded and converted files live."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

from advgame.paths import expanded


def cache_dir() -> Path:
    """Return the cache folder: `$ADVGAME_CACHE`, or `advgame` in the user's cache folder.

    The folder is not created; every part of the program owns one subfolder of it.
    """
    chosen = os.environ.get("ADVGAME_CACHE")
    return expanded(chosen).absolute() if chosen else user_cache_path("advgame")
