"""Files that describe a target: checked before anything is contacted."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from advgame.config.base import Config
from advgame.config.sources import read
from advgame.errors import ConfigError

C = TypeVar("C", bound=Config)


class FileConfig(Config):
    """The keys of `file:FILE.yaml`."""

    target: str
    """Any target but another file, as `--target` takes it."""
    authorized: bool = False
    """true: you may test this target, as `--i-am-authorized` says."""
    key_env: str | None = None
    """The variable that holds the key of an `openai:` target."""
    timeout: float | None = Field(None, gt=0)
    """Seconds for one request."""


def read_target(path: Path, kind: type[C]) -> C:
    """What a YAML file says of a target.

    Raises:
        ConfigError: it cannot be read, or a key is wrong.
    """
    try:
        return kind.model_validate(read(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: {where}: {first['msg']}") from error
