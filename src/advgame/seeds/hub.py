"""Seed sets of the Hugging Face hub: `hub:OWNER/NAME`, with `:CONFIG` and `@SPLIT` if needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from advgame.errors import SeedError
from advgame.hub import cached_if_silent, why_not
from advgame.seeds.rows import Row

_FORM = re.compile(r"hub:(?P<name>[\w.-]+/[\w.-]+)(:(?P<config>[\w.-]+))?(@(?P<split>[\w.-]+))?")

# As its card says: else a field that is empty in its first 10,000 rows and later is not is taken
# for a number, and the set cannot be read.
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "allenai/wildjailbreak": {"delimiter": "\t", "keep_default_na": False}
}


def read_hub(source: str) -> Iterator[Row]:
    """Yield the rows of a hub set, all its splits one after the other unless one is named.

    Raises:
        SeedError: a malformed name, the extra `hub` is not installed, or the hub did not serve.
    """
    form = _FORM.fullmatch(source)
    if form is None:
        raise SeedError(
            f"{source}: not of the form hub:OWNER/NAME, optionally followed by :CONFIG and @SPLIT"
        )
    try:
        import datasets
    except ImportError as error:
        raise SeedError(
            f"{source}: hub sets need the package datasets; run `pip install 'advgame[hub]'`"
        ) from error
    try:
        with cached_if_silent():
            loaded = datasets.load_dataset(
                form["name"], form["config"], split=form["split"], **_OPTIONS.get(form["name"], {})
            )
    # The library's errors for a missing, gated or unreachable set share only these bases.
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise SeedError(f"{source}: {why_not(error)}") from error
    splits = {form["split"]: loaded} if form["split"] else loaded
    for name, rows in splits.items():
        for number, fields in enumerate(rows, start=1):
            yield Row(f"{source}@{name} #{number}", fields)
