"""Reads a run folder. Every string that leaves this module has been through `hostile.clean`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from advgame.config.yamlio import parse
from advgame.errors import StoreError
from advgame.hostile import clean
from advgame.store.reader import open_readonly

Json: TypeAlias = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """What a page shows of a run, apart from its rollouts."""

    name: str
    config: Mapping[str, Json]  # as written: an older run still gets its page
    config_text: str
    metrics: tuple[Mapping[str, Json], ...]  # a line a step, in order
    validations: tuple[Mapping[str, Json], ...]  # in order of step
    summary: Mapping[str, Json] = field(default_factory=dict)


def read_run(run: Path) -> RunData:
    """Read `run`. Everything but `config.yaml` may be missing: a run can end at any moment.

    Raises:
        StoreError: not a run folder, or one of its files is damaged.
    """
    reader = open_readonly(run)
    path = run / "config.yaml"
    try:
        text = path.read_text(encoding="utf-8")
        config = parse(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise StoreError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    if not isinstance(config, dict):
        raise StoreError(f"{path} is damaged: it does not hold a configuration")
    return RunData(
        name=clean(run.resolve().name),
        config=cleaned(config),
        config_text=clean(text),
        metrics=tuple(map(cleaned, reader.metrics())),
        validations=tuple(map(cleaned, reader.validations())),
        summary=cleaned(reader.summary() or {}),
    )


def cleaned(value: Json) -> Json:
    """Return `value` with every string clean and every number finite (None where it is not)."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [cleaned(item) for item in value]
    if isinstance(value, Mapping):
        return {clean(str(key)): cleaned(item) for key, item in value.items()}
    return value
