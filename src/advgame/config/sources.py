"""Where a configuration comes from: shipped presets, YAML files, run folders."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from advgame.config.overrides import merge
from advgame.config.yamlio import parse
from advgame.errors import ConfigError

PRESETS = Path(__file__).resolve().parent.parent / "presets"
_MOST_BYTES = 1_000_000


def preset_names() -> list[str]:
    """Every shipped preset: `demo`, `paper/qwen2.5-7b-dpo-md`, …"""
    found = (path.relative_to(PRESETS).with_suffix("") for path in PRESETS.rglob("*.yaml"))
    return sorted((path.as_posix() for path in found), key=lambda name: ("/" in name, name))


def preset_summary(name: str) -> str:
    """The first comment line of a preset."""
    first = (PRESETS / f"{name}.yaml").read_text(encoding="utf-8").partition("\n")[0]
    return first.lstrip("# ").strip()


def locate(source: str | Path) -> Path:
    """The file behind a preset name, a YAML file or a run folder.

    Raises:
        ConfigError: there is none.
    """
    names = preset_names()
    if str(source) in names:
        return PRESETS / f"{source}.yaml"
    path = Path(source)
    if path.is_dir() and (path / "config.yaml").is_file():
        return path / "config.yaml"
    if path.is_file():
        return path
    if str(source) and path.is_dir():
        raise ConfigError(f"{source}: a folder without config.yaml; name a run or a YAML file")
    if path.suffix in {".yaml", ".yml"}:
        raise ConfigError(f"{source}: no such configuration file")
    near = get_close_matches(str(source), names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    named = str(source) or "''"
    raise ConfigError(f"{named}: no such preset or file{hint} (`advgame presets` lists them)")


def slug(source: str | Path) -> str:
    """A name for runs of this source: a preset's with dashes, a file's stem, a run folder's own."""
    path = locate(source)
    if path.is_relative_to(PRESETS):
        return path.relative_to(PRESETS).with_suffix("").as_posix().replace("/", "-")
    return path.parent.name if path.name == "config.yaml" else path.stem


def read(source: str | Path) -> dict[str, Any]:
    """The raw tree of a source with its `extends` chain merged in; keys are not checked yet.

    Raises:
        ConfigError: missing, unreadable, not text, not YAML, empty, or extends itself.
    """
    return _read(locate(source), ())


def _read(path: Path, chain: tuple[Path, ...]) -> dict[str, Any]:
    if path in chain:
        raise ConfigError(f"{path}: extends itself, through {' -> '.join(p.name for p in chain)}")
    tree = _parse_file(path)
    base = tree.pop("extends", None)
    if base is None:
        return tree
    if not isinstance(base, str):
        raise ConfigError(f"{path}: extends must name one preset or file, not {base!r}")
    beside = path.parent / base  # a file may extend its neighbour
    below = beside if beside.is_file() else locate(base)
    return merge(_read(below, (*chain, path)), tree)


def _parse_file(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path}: larger than 1 MB; this is not a configuration")
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file; expected YAML in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        tree = parse(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}{_where(error)}: not valid YAML: {_what(error)}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None
    if tree is None:
        raise ConfigError(f"{path}: empty; write at least one key, such as `extends: demo`")
    if not isinstance(tree, Mapping):
        raise ConfigError(f"{path}: expected keys and values, found {type(tree).__name__}")
    return dict(tree)


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark else ""


def _what(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    return str(problem or str(error).splitlines()[0])
