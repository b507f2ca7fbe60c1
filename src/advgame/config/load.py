"""From a preset or a file, with overrides, to a checked `RunConfig`, and back to YAML."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from advgame.config.base import Config
from advgame.config.checks import check
from advgame.config.keys import all_keys, nearest, tag_of, walk
from advgame.config.overrides import merge, parse_overrides
from advgame.config.root import RunConfig
from advgame.config.sources import read, slug
from advgame.config.yamlio import render
from advgame.errors import ConfigError

_MOST_PROBLEMS = 3
_MOST_INTEGER = 10**30  # one beyond the range of floats would pass for infinity


def load(source: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Load, merge, validate and cross-check.

    `source` is a preset's name, a YAML file (which may say `extends: PRESET`) or a run folder.
    Defaults, then the source, then the overrides: later wins.

    Raises:
        ConfigError: what is wrong, by its dotted path, and what to do; at most a few lines.
    """
    return compose(source, parse_overrides(overrides))


def compose(source: str | Path, *trees: Mapping[str, Any]) -> RunConfig:
    """As `load`, with overrides that are trees already; later ones win.

    Raises:
        ConfigError: as `load`.
    """
    tree = merge(RunConfig(name=slug(source)).model_dump(mode="json"), read(source))
    for over in trees:
        tree = merge(tree, over)
    config = validate(tree)
    check(config)
    return config


def validate(tree: Mapping[str, Any]) -> RunConfig:
    """A `RunConfig` from a plain tree, strictly typed: no "50" for 50, no true for 1.

    Raises:
        ConfigError: an unknown key, a wrong type or an impossible value, by its dotted path.
    """
    for path, value in _leaves(tree):
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{path} = {value}: must be finite")
        if isinstance(value, int) and abs(value) >= _MOST_INTEGER:
            raise ConfigError(f"{path}: an integer of more than 30 digits; give a smaller one")
    try:
        text = json.dumps(tree)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"configuration holds a value of no plain type ({error})") from None
    try:
        # JSON is pydantic's mode that is strict about types yet takes lists for tuples.
        return RunConfig.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise ConfigError(_message(error)) from None


def dump(config: RunConfig) -> str:
    """Complete YAML: every key with its value; `load` of it gives an equal config."""
    return render(config.model_dump(mode="json"))


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _leaves(value, f"{path}.{index}")
    else:
        yield path, node


def _message(error: ValidationError) -> str:
    found: dict[str, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        found.setdefault(walk(details["loc"])[0], []).append(details)
    lines = [_problem(path, told) for path, told in found.items() if not _deeper(path, told, found)]
    hidden = len(lines) - _MOST_PROBLEMS
    more = [f"… and {hidden} more problems"] if hidden > 0 else []
    return "\n".join(lines[:_MOST_PROBLEMS] + more)


def _deeper(path: str, told: Sequence[ErrorDetails], found: Collection[str]) -> bool:
    """Whether a mapping is only told that it is no text, while what is wrong lies inside it."""
    inside = any(other.startswith(f"{path}.") for other in found)
    return inside and all(isinstance(details["input"], Mapping) for details in told)


def _problem(path: str, told: Sequence[ErrorDetails]) -> str:
    """A line on one key; a key that may be of several types is told a problem for each."""
    details = told[0]
    kind = details["type"]
    context = details.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key {path}{_hint(path, walk(details['loc'])[1])}"
    if kind == "missing":
        return f"{path}: required here, give it a value ({path}=…)"
    if kind == "union_tag_not_found":
        types = ", ".join(_expected(path))
        return f"{path}: give its type too ({path}.type=…), one of {types}"
    if kind == "union_tag_invalid":
        return f"{path}.type = {context['tag']!r}: must be one of {context['expected_tags']}"
    if kind == "value_error":  # raised by a validator of ours, which says all
        return f"{path}: {context['error']}"
    wanted = [each["msg"].removeprefix("Input should be ") for each in told]
    value = details["input"]
    line = f"{path} = {_clip(value)}: should be {' or '.join(dict.fromkeys(wanted))}"
    if isinstance(value, str) and value in _expected(path):
        line += f"; did you mean {path}.type={value}?"
    elif isinstance(value, str) and kind == "tuple_type":
        line += f"; did you mean {path}=[{value}]?"
    return line


def _hint(path: str, holders: Sequence[type[Config]]) -> str:
    """What to do about a key that its section does not have."""
    tag = tag_of(holders[0]) if len(holders) == 1 else ""
    where = f" (in type {tag})" if tag else ""
    if tags := [key.variant for key in all_keys() if key.path == path and key.variant]:
        section = path.rpartition(".")[0]
        return f"{where}; it needs {' or '.join(f'{section}.type={other}' for other in tags)}"
    near = nearest(path, holders)
    known = f"did you mean {near}?" if near else "`advgame config show demo` shows all keys"
    return f"{where}; {known}"


def _expected(path: str) -> list[str]:
    _, members = walk([*path.split("."), "type"])
    return [tag for model in members if (tag := tag_of(model))]


def _clip(value: Any, most: int = 60) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else text[: most - 1] + "…"
