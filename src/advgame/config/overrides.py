"""Trees over trees: `extends`, and `dotted.key=value` from the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from advgame.config.yamlio import parse
from advgame.errors import ConfigError


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` on top: mappings merge, anything else (lists too) replaces.

    A mapping that changes the `type` of a discriminated union replaces the old one as a whole:
    the keys of the old type mean nothing to the new.
    """
    if "type" in over and over["type"] != base.get("type", over["type"]):
        return dict(over)
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a tree by their dotted key; lists, and mappings without keys, are leaves."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flat(inner, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, value


def differing(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Where configurations differ, their names apart.

    Returns:
        Dotted key → whose → value; one that has no such key is left out there.
    """
    found = {whose: dict(flat(config)) for whose, config in configs.items()}
    keys = dict.fromkeys(key for leaves in found.values() for key in leaves if key != "name")
    rows = {
        key: {whose: leaves[key] for whose, leaves in found.items() if key in leaves}
        for key in keys
    }
    return {
        key: row
        for key, row in rows.items()
        if len(row) < len(found) or any(value != next(iter(row.values())) for value in row.values())
    }


def parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """`["train.steps=50", "pool=null"]` → `{"train": {"steps": 50}, "pool": None}`.

    Values are YAML. All overrides become one tree before it is merged, so that
    `objective.beta=0.2 objective.type=ipo` means the same in either order.

    Raises:
        ConfigError: no `=`, an empty key, or a value that is not YAML.
    """
    tree: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise ConfigError(f"override {text!r}: expected key=value, such as train.steps=50")
        try:
            parsed = parse(value)
        except (yaml.YAMLError, RecursionError):
            raise ConfigError(
                f"override {text!r}: the value is not valid YAML; in a shell, put a value with "
                "spaces or braces in quotes, as 'pool={share: 0.5}'"
            ) from None
        _place(tree, parts, parsed)
    return tree


def _place(tree: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    for part in parts[:-1]:
        below = tree.get(part)
        if not isinstance(below, dict):
            below = tree[part] = {}
        tree = below
    tree[parts[-1]] = value
