"""What a key means, from the models' own docstrings."""

from __future__ import annotations

import json
import re
import typing
from typing import Any

from pydantic_core import PydanticUndefined

from advgame.config.base import Config
from advgame.config.keys import Key, all_keys, models_in, nearest, tag_of
from advgame.config.root import RunConfig
from advgame.errors import ConfigError

_NAMES = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true | false",
    type(None): "null",
}


def explain(path: str) -> str:
    """Type, default and meaning of a dotted key; for a section, its keys a line each.

    Raises:
        ConfigError: no such key, with the nearest known one.
    """
    named = re.sub(r"\.\d+(?=\.|$)", "", path)  # an item of a list is explained by the list
    found = [key for key in all_keys() if key.path == named]
    if not found:
        near = nearest(named, [RunConfig])
        raise ConfigError(f"unknown key {path}" + (f"; did you mean {near}?" if near else ""))
    return "\n\n".join(_one(key, several=len(found) > 1) for key in found)


def schema() -> dict[str, Any]:
    """JSON Schema of a configuration file, complete or over another, for editors."""
    found: dict[str, Any] = _lenient(RunConfig.model_json_schema())
    found["properties"]["extends"] = {
        "type": "string",
        "description": "A preset, or a file beside this one, that lies beneath.",
    }
    return found


def _lenient(tree: Any) -> Any:
    """A file need not say all of a section that it only changes, nor its type: several may fit."""
    if isinstance(tree, dict):
        kept = {
            key: value
            for key, value in tree.items()
            if key != "discriminator" and not (key == "required" and isinstance(value, list))
        }
        return {("anyOf" if k == "oneOf" else k): _lenient(value) for k, value in kept.items()}
    return [_lenient(each) for each in tree] if isinstance(tree, list) else tree


def _one(key: Key, several: bool) -> str:
    field = key.field
    head = f"{key.path}: {_type(field.annotation)}"
    required = key.default is PydanticUndefined
    default = "required" if required else f"default {_value(key.default)}"
    inside = f"  [in type {key.variant}]" if several else ""
    lines = [f"{head} = {default}{inside}", f"  {field.description or ''}".rstrip()]
    for model in models_in(field.annotation):
        tag = tag_of(model)
        doc = (model.__doc__ or "").strip().splitlines()
        told = f"  {f'type {tag}: ' if tag else ''}{doc[0] if doc else ''}"
        if told not in lines:
            lines.append(told)
        lines += [f"    .{name}" for name in model.model_fields if name != "type"]
    return "\n".join(line for line in lines if line.strip())


def _type(annotation: Any) -> str:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " | ".join(json.dumps(arg) for arg in args)
    if origin is typing.Annotated:
        return _type(args[0])
    if origin is tuple:
        return f"list of {_type(args[0])}"
    if origin is dict:
        return f"mapping to {_type(args[1])}"
    if args:  # a union
        return " | ".join(_type(arg) for arg in args)
    if models := models_in(annotation):
        return tag_of(models[0]) or "section"
    return _NAMES.get(annotation, str(annotation))


def _value(value: Any) -> str:
    if isinstance(value, Config):
        return json.dumps(value.model_dump(mode="json"), ensure_ascii=False)
    if isinstance(value, tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
