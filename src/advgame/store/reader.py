"""Reading a run folder, also while it is being written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from advgame.config import RunConfig
from advgame.config.load import validate
from advgame.config.yamlio import parse
from advgame.errors import ConfigError, StoreError
from advgame.store import checkpoint as checkpoints
from advgame.store import episodes as episode_lines
from advgame.store.checkpoint import Checkpoint, numbered, step_name
from advgame.store.damage import DAMAGE
from advgame.types import Episode, Scored


class RunReader:
    """What a run folder holds. Takes no lock and changes nothing.

    Attributes:
        path: The run folder.
        notes: What was met on the way and should be told: skipped checkpoints, missing steps.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []

    @cached_property
    def config(self) -> RunConfig:
        """The complete configuration of the run.

        Raises:
            StoreError: config.yaml is missing or is not a configuration of this version.
        """
        return read_config(self.path)

    def metrics(self, last: int | None = None) -> list[dict[str, Any]]:
        """Return the complete lines of metrics.jsonl, one a step; a torn last one is left out.

        Args:
            last: of the last so many alone, at a cost that does not grow with the run.

        Raises:
            StoreError: a line before the last is damaged; says which.
        """
        path = self.path / "metrics.jsonl"
        start = 0 if last is None else _start_of_last(path, last)
        return list(read_lines(path, start))

    def episode_steps(self) -> list[int]:
        """Return the steps that have episodes, in order."""
        return [step for step, _ in numbered(self.path / "episodes", ".jsonl")]

    def has_episodes(self, step: int) -> bool:
        """Whether step `step` has episodes."""
        return (self.path / "episodes" / f"{step_name(step)}.jsonl").is_file()

    def episodes(self, step: int) -> list[Episode[Scored]]:
        """Return the rollout trees of step `step`.

        Raises:
            StoreError: the step has no episodes, or its file is damaged; names file and line.
        """
        path = self.path / "episodes" / f"{step_name(step)}.jsonl"
        found = []
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    try:
                        found.append(episode_lines.from_line(line))
                    except DAMAGE as error:
                        raise StoreError(f"{path} line {number} is damaged: {error}") from error
        except FileNotFoundError:
            raise StoreError(f"{self.path} has no episodes of step {step}") from None
        return found

    def validations(self) -> list[dict[str, Any]]:
        """Return every validation report, in order of steps."""
        files = [path for _, path in numbered(self.path / "validation", ".json")]
        return [found for path in files if (found := read_json(path)) is not None]

    def summary(self) -> dict[str, Any] | None:
        """Return summary.json, or None while the run is not finished."""
        return read_json(self.path / "summary.json")

    def checkpoints(self) -> list[Checkpoint]:
        """Return the complete checkpoints, oldest first, without reading their weights."""
        found = []
        for _, path in numbered(self.path / "checkpoints"):
            try:
                found.append(checkpoints.load(path, verify=False))
            except StoreError as error:
                self.notes.append(f"skipped a checkpoint: {error}")
        return found

    def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint whose every checksum holds, or None.

        Torn or altered ones are named in `notes` and skipped for the one before.

        Raises:
            UnreadableError: one cannot be read at all.
        """
        return next(checkpoints.newest_first(self.path / "checkpoints", self.notes), None)


def open_readonly(path: Path) -> RunReader:
    """Return a reader of the run folder `path`.

    Raises:
        StoreError: `path` is not a run folder.
    """
    if not (path / "config.yaml").is_file():
        what = "has no config.yaml" if path.is_dir() else "is a file"
        what = what if path.exists() else "does not exist"
        raise StoreError(f"{path} is not a run folder: it {what}")
    return RunReader(path)


def read_config(folder: Path) -> RunConfig:
    """Return the configuration in `folder`/config.yaml. Raises StoreError."""
    path = folder / "config.yaml"
    try:
        tree = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(f"{path} is not YAML any more: {str(error).splitlines()[0]}") from error
    if not isinstance(tree, dict):
        raise StoreError(f"{path} is damaged: it does not hold a configuration")
    try:
        return validate(tree)
    except ConfigError as error:
        raise StoreError(f"{path} does not fit this advgame: {error}") from error


def _start_of_last(path: Path, count: int, block: int = 65_536) -> int:
    """Where the last `count` lines of a file begin; 0 if it has no more."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        start, tail = file.seek(0, os.SEEK_END), b""
        while start > 0 and tail.count(b"\n") <= count:
            step = min(block, start)
            start = file.seek(start - step)
            tail = file.read(step) + tail
    ends = [at for at, byte in enumerate(tail) if byte == ord("\n")]
    return start + (ends[-(count + 1)] + 1 if len(ends) > count else 0)


def read_lines(
    path: Path, start: int = 0, damaged: list[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the lines of a JSONL file from byte `start` on; a torn last one is left out.

    Raises:
        StoreError: one before the last is damaged. With a list for it, it is told there and
            left out instead.
    """
    if not path.exists():
        return
    end = start
    with path.open("rb") as file:
        file.seek(start)
        for raw in file:
            end += len(raw)
            try:
                line = json.loads(raw)
            except (ValueError, RecursionError):
                line = None
            if not raw.endswith(b"\n"):  # the last: whoever wrote it was stopped, or still writes
                return
            if isinstance(line, dict):
                yield line
                continue
            told = f"{path} is damaged in the line that ends at byte {end:,}"
            if damaged is None:
                raise StoreError(told)
            damaged.append(told)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file, or None if there is no file.

    Raises:
        StoreError: it is damaged, or cannot be read.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is damaged: {error}") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path} is damaged: it does not hold an object")
    return value
