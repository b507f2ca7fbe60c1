"""Objects of the user's own: by dotted path `package.module:name`, or by entry-point name."""

from __future__ import annotations

import difflib
import importlib
import math
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from numbers import Real
from pathlib import Path
from typing import Any

from advgame.errors import AdvGameError, ConfigError, OwnCodeError


def load_object(path: str, group: str) -> Any:
    """Return the object that `path` names.

    A path with a colon is imported; modules in the working folder are found too, after all
    installed ones. A path without is looked up among the entry points of `group`.

    Raises:
        ConfigError: there is no such module, attribute or entry point.

    Example:
        >>> load_object("statistics:mean", "advgame.judges")([1, 2, 3])
        2
    """
    module, colon, name = path.partition(":")
    if not colon:
        return _entry_point(path, group)
    if not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        raise ConfigError(f"path {path!r}: write it as package.module:name")
    found: Any = _module(module, path)
    for part in name.split("."):
        if not hasattr(found, part):
            public = [each for each in dir(found) if not each.startswith("_")]
            raise ConfigError(f"path {path!r}: {module} has no {part!r}{_nearest(part, public)}")
        found = getattr(found, part)
    return found


def build_object(path: str, group: str, options: Mapping[str, Any], wanted: type) -> Any:
    """Call what `path` names with `options` and check that a `wanted` (a protocol) comes back.

    Raises:
        ConfigError: as `load_object`; or it cannot be called with these options, or makes
            something else.
        OwnCodeError: it raised.
    """
    factory: Callable[..., Any] = load_object(path, group)
    if not callable(factory):
        raise ConfigError(f"path {path!r} is a {type(factory).__name__}: name a class or function")
    try:
        with running(path, (TypeError,)):
            made = factory(**options)
    except TypeError as error:
        raise ConfigError(f"path {path!r} cannot be called with its options: {error}") from error
    if not isinstance(made, wanted):
        raise ConfigError(
            f"path {path!r} made a {type(made).__name__}, not a {wanted.__name__}: "
            f"see {wanted.__name__} in {wanted.__module__}"
        )
    return made


@contextmanager
def running(path: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Around a call of what `path` names; errors of types `passing` are the caller's to handle.

    Raises:
        OwnCodeError: the user's code raised; says what and in which line.
    """
    try:
        yield
    except (Exception, SystemExit) as error:  # no code of theirs ends a run without a word
        if isinstance(error, (AdvGameError, MemoryError, *passing)):
            raise
        # Whatever else it is, it is the user's to mend.
        at = traceback.extract_tb(error.__traceback__)[-1]
        raise OwnCodeError(
            f"{path} raised {_told(error)} ({at.filename}:{at.lineno}; "
            "--debug shows the whole traceback)"
        ) from error


def is_finite(value: object) -> bool:
    """Whether what the user's code returned is a number that a float can hold.

    >>> is_finite(10**400), is_finite("1"), is_finite(2)
    (False, False, True)
    """
    try:
        return isinstance(value, Real) and math.isfinite(value)
    except OverflowError:
        return False


def _told(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _module(name: str, path: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(f"{missing}."):
            raise ConfigError(
                f"path {path!r}: no module {missing!r} is installed or lies in {here}"
            ) from None
        raise ConfigError(
            f"path {path!r}: {name} needs the module {missing!r}, which is not installed"
        ) from error
    except Exception as error:  # its code runs: it may raise anything
        raise ConfigError(f"path {path!r}: {name} cannot be imported: {_told(error)}") from error


def _entry_point(name: str, group: str) -> Any:
    known = {point.name: point for point in entry_points(group=group)}
    if name not in known:
        raise ConfigError(
            f"path {name!r} is neither package.module:name nor an entry point of {group}"
            f"{_nearest(name, list(known))}"
        )
    try:
        return known[name].load()
    except Exception as error:
        raise ConfigError(
            f"entry point {name!r} of {group} cannot be loaded: {_told(error)}"
        ) from error


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
