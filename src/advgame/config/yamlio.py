"""YAML in and out, with the YAML 1.2 core schema.

PyYAML follows YAML 1.1, where `1e-4` is a string, `off` is False, `1:30` is 90 and `010` is 8. A
configuration means none of these, so only null, true/false, decimal integers and floats are
recognised; everything else is text. A key given twice is an error instead of a silent overwrite,
and so are aliases that unfold without end.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$"
)
_MOST_VALUES = 100_000
_TOO_MANY = f"more than {_MOST_VALUES:,} values: do its aliases hold themselves?"
_BREAKS = re.compile("[\x85\u2028\u2029]")
_CORE = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"[-+]?(?:0|[1-9][0-9_]*)$"), list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
    ("merge", re.compile(r"<<$"), ["<"]),
)


class _Loader(yaml.SafeLoader):
    """Safe loading, core schema, no duplicate keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._merged = 0

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        """Look for keys given twice before any `<<` brings more of them."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key {key.value!r} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Bring in what `<<` names, which may be such a mapping itself, and so on."""
        super().flatten_mapping(node)
        self._merged += len(node.value)
        if self._merged > _MOST_VALUES:
            raise yaml.YAMLError(_TOO_MANY)


class _Dumper(yaml.SafeDumper):
    """Quotes whatever either YAML version would read as something other than text."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        # PyYAML writes these line breaks bare and reads them back as spaces.
        style = '"' if _BREAKS.search(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)
for _name, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _pattern, _first)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


def parse(text: str) -> Any:
    """Parse one document. Raises yaml.YAMLError (RecursionError where it nests absurdly deep)."""
    try:
        # A subclass of SafeLoader: builds plain values only, as yaml.safe_load does.
        value = yaml.load(text, Loader=_Loader)
    except ValueError as error:  # a number of too many digits, a date that does not exist
        raise yaml.YAMLError(str(error)) from None
    except (KeyError, AttributeError, TypeError):
        raise yaml.YAMLError("a tag that starts with !! does not fit its value") from None
    _check_size(value)
    return value


def _check_size(value: Any) -> None:
    """Aliases may unfold to far more than the text, or hold themselves."""
    left, todo = _MOST_VALUES, [value]
    while todo:
        node = todo.pop()
        below = node.values() if isinstance(node, dict) else node
        if isinstance(node, dict | list | tuple):
            left -= len(node)
            if left < 0:
                raise yaml.YAMLError(_TOO_MANY)
            todo += below


def render(value: Any) -> str:
    """The YAML text that `parse` reads back as `value`."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
