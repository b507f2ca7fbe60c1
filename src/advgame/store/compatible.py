"""Which configuration keys may change when a run is resumed.

A resumed run must end where an uninterrupted one would, so only what cannot change a number may
differ — with exceptions that are noted to the user: `train.steps` and `train.budget_tokens` may
grow (a learning-rate schedule over them then bends), and `train.threads` may change, since
refusing it would strand a run on a machine that is gone (sums in another order end in other last
bits). Nor does a server that has moved strand a run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from advgame.config import RunConfig
from advgame.config.overrides import flat
from advgame.errors import StoreError

_GROWS = ("train.steps", "train.budget_tokens")
FREE = ("name", "sinks", "train.save.", "train.threads")  # they change no number
_WHERE = ("base_url", "key_env", "timeout", "retries", "concurrency")


def check(folder: Path, old: RunConfig, new: RunConfig) -> list[str]:
    """Return what the user should know about resuming `old` as `new`.

    Raises:
        StoreError: the configurations differ in a key that changes the run; names all of them.
    """
    before, after = (
        dict(flat(old.model_dump(mode="json"))),
        dict(flat(new.model_dump(mode="json"))),
    )
    differ = [key for key in dict.fromkeys([*before, *after]) if before.get(key) != after.get(key)]
    changed = [
        key
        for key in differ
        if not key.startswith(FREE)
        and not _is_where(key)
        and not (key in _GROWS and before.get(key) and after.get(key))
    ]
    if changed:
        shown = ", ".join(f"{k} ({_show(before, k)} → {_show(after, k)})" for k in changed[:5])
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise StoreError(
            f"{folder} was started with another configuration: {shown}{more} differ; "
            "resume with the old values, or start a new run with --from"
        )
    notes = []
    for key in _GROWS:
        was, now = before.get(key) or 0, after.get(key) or 0
        if now < was:
            raise StoreError(
                f"{folder} was started for {key}={was}, which may grow on resuming but not shrink "
                f"to {now}"
            )
        if now > was:
            notes.append(
                f"{key} grew {was} → {now}: learning-rate schedules follow the new value from "
                "here on"
            )
    if new.train.threads != old.train.threads:
        notes.append(
            f"train.threads changed {old.train.threads} → {new.train.threads}: "
            "the continuation is not bit-identical"
        )
    if moved := [key for key in differ if _is_where(key)]:
        asked = [key for key in moved if key.startswith("judges.") and key.endswith(".base_url")]
        then = (
            "verdicts are drawn anew, none is taken from the cache: not bit-identical"
            if asked
            else "the continuation is bit-identical if the same model answers"
        )
        notes.append(f"{', '.join(moved)} changed: {then}")
    return notes


def _is_where(key: str) -> bool:
    """Whether a key says where or how patiently an endpoint is asked, not what answers."""
    return ".engine." in key and key.rpartition(".")[2] in _WHERE


def _show(flat: dict[str, Any], key: str) -> str:
    return str(flat[key]) if key in flat else "unset"
