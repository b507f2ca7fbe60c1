"""The tree of configuration keys, read off the models: for messages, `explain` and the CLI."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic.fields import FieldInfo

from advgame.config.base import Config
from advgame.config.root import RunConfig

_PLAIN = re.compile(r"str|int|float|bool|literal\[.*\]")  # members of a union that are no section


@dataclass(frozen=True, slots=True)
class Key:
    """One configuration key. `variant` names the member of a union that it belongs to.

    `default` is the value it has where nothing says otherwise, which a section may set for what is
    inside it; `PydanticUndefined` where it is required.
    """

    path: str
    variant: str
    field: FieldInfo
    default: Any


def models_in(annotation: Any) -> list[type[Config]]:
    """The configuration models an annotation allows: one, the members of a union, or none."""
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return [annotation]
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, typing.Annotated, tuple):
        return [model for arg in typing.get_args(annotation) for model in models_in(arg)]
    return []


def tag_of(model: type[Config]) -> str:
    """The value of `type` that selects this member of a union; "" where there is none."""
    field = model.model_fields.get("type")
    return str(field.default) if field is not None else ""


def all_keys(model: type[Config] = RunConfig, prefix: str = "", given: Any = None) -> Iterator[Key]:
    """Every key below `model`, depth first; union members contribute a key each.

    `given`: the section as it is by default, where that is of this model.
    """
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        plain = field.get_default(call_default_factory=True)
        value = getattr(given, name) if isinstance(given, model) else plain
        yield Key(path, tag_of(model), field, value)
        for below in models_in(field.annotation):
            yield from all_keys(below, f"{path}.", value)


def walk(loc: Sequence[str | int]) -> tuple[str, list[type[Config]]]:
    """A pydantic error location → its dotted key and the models that hold the last part.

    Pydantic puts the tag of a union member (`objective`, `dpo`, `beta`) or the name of a plain
    member (`str`, `SeedSource`) into the location; a user never wrote these, so they are dropped.
    """
    holders: list[type[Config]] = [RunConfig]
    inside: list[type[Config]] = [RunConfig]
    parts: list[str] = []
    for at, part in enumerate(loc):
        tagged = [m for m in inside if part in (tag_of(m), m.__name__)]
        fields = [m.model_fields[str(part)] for m in inside if part in m.model_fields]
        if tagged and not fields:
            inside = tagged
            continue
        if at == len(loc) - 1 and not fields and _PLAIN.fullmatch(str(part)):
            continue
        parts.append(str(part))
        if isinstance(part, int):
            continue
        holders = inside
        inside = [m for field in fields for m in models_in(field.annotation)]
    return ".".join(parts), holders


def nearest(path: str, holders: Sequence[type[Config]]) -> str | None:
    """The known key most like an unknown one: a sibling first, else the same name elsewhere."""
    parent, _, name = path.rpartition(".")
    siblings = {sibling for model in holders for sibling in model.model_fields}
    if close := get_close_matches(name, siblings, n=1, cutoff=0.6):
        return f"{parent}.{close[0]}" if parent else close[0]
    known = {key.path for key in all_keys()}
    ending = sorted(key for key in known if key.endswith(f".{path}"))
    if ending:
        return ending[0]
    return next(iter(get_close_matches(path, known, n=1, cutoff=0.75)), None)
