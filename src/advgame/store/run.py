"""The run folder of a run that is being written: one owner, one step at a time.

Order of writes within a step: episodes (atomic), then the line of metrics. A checkpoint of step N
is written after both are on the disk for every step before N. So whatever moment the process dies
at, the newest complete checkpoint finds the records of all steps before it, and `rewind` cuts off
what came after: no doubles, no holes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from advgame.config import RunConfig
from advgame.config.load import dump
from advgame.errors import StoreError, UnreadableError
from advgame.store import checkpoint as checkpoints
from advgame.store import compatible, manifest
from advgame.store import episodes as episode_lines
from advgame.store.atomic import (
    TEMPORARY,
    append_line,
    discard,
    reporting,
    staged_file,
    staged_folder,
    sweep,
    write_json,
    write_text,
)
from advgame.store.checkpoint import numbered, step_name
from advgame.store.reader import RunReader, read_config, read_lines
from advgame.types import Episode, Scored

_LOCK = ".lock"
_FOLDERS = ("episodes", "validation", "checkpoints", "pool")


class RunFolder(RunReader):
    """A run folder held for writing. Make one with `open`; use it as a context manager."""

    def __init__(self, path: Path, config: RunConfig, lock: FileLock) -> None:
        super().__init__(path)
        self.__dict__["config"] = config
        self._lock = lock
        self._fresh = False  # the folder was empty and the run has not begun
        self._made = False  # there was no folder

    @classmethod
    def open(cls, path: Path, config: RunConfig, resume: bool = False) -> RunFolder:
        """Take the folder `path` for a run of `config` and write its config.yaml.

        A missing or empty folder starts a run, resumed or not: a run may have been killed before
        it wrote anything. Which keys may differ on resuming is documented in `compatible`.

        Raises:
            StoreError: another process holds the folder; it is not empty and `resume` is not
                set; it is no run folder; its configuration differs; the disk refuses.
        """
        check_early(path, resume)  # before a lock file litters somebody's folder
        made = not path.exists()
        with reporting(path):
            path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path / _LOCK, timeout=0, thread_local=False)
            try:
                lock.acquire()
            except Timeout:
                raise StoreError(
                    f"{path} is in use by another process: wait for it or choose another --out"
                ) from None
        try:
            run = cls(path, config, lock)
            run._made = made
            run._prepare(resume)
        except BaseException:
            lock.release()
            raise
        return run

    def _prepare(self, resume: bool) -> None:
        check_out(self.path, resume)
        with reporting(self.path):
            for folder in (self.path, *(self.path / name for name in _FOLDERS)):
                sweep(folder)
        old = read_config(self.path) if (self.path / "config.yaml").exists() else None
        if old is not None:
            self.notes += compatible.check(self.path, old, self.config)
        elif resume:
            self.notes.append(f"{self.path} holds nothing to resume: starting at step 0")
        self._fresh = old is None
        if self.config != old:
            write_text(self.path / "config.yaml", dump(self.config))

    def close(self) -> None:
        """Let another process have the folder."""
        self._lock.release()

    def _withdraw(self) -> None:
        """Leave nothing of a run that could not start; all in the folder is its own."""
        with suppress(OSError):  # the error that ended it is the one to tell
            for path in self.path.iterdir():
                discard(path)
            if self._made:
                self.path.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self._fresh:
            self._withdraw()
        self.close()

    def rewind(self, step: int) -> None:
        """Make the folder what it was when the checkpoint of step `step` was written.

        From here on the run has begun: a failure before it leaves no folder behind.
        Only earlier steps leave a record; the validation of the weights before `step` stays too,
        for it was written before their checkpoint. Handles a torn last line, episodes without a
        metrics line, checkpoints and past selves after `step`, and a pruning that did not
        happen. A missing record of an earlier step, which no crash causes, is told in `notes`.

        Raises:
            StoreError: the disk refuses.
        """
        self._fresh = False
        with reporting(self.path):
            for name in ("summary.json", "report.html"):
                discard(self.path / name)
            self._rewind_metrics(step)  # before their episodes: readers find no line without them
            for at, path in numbered(self.path / "episodes", ".jsonl"):
                if at >= step:
                    discard(path)
            later = [("validation", ".json"), ("checkpoints", ""), ("pool", "")]
            for name, suffix in later:  # checkpoints: torn ones, complete ones would be the latest
                for at, path in numbered(self.path / name, suffix):
                    if at > step:
                        discard(path)
        self._prune()  # the process may have died between a save and its pruning
        for at in sorted(set(range(step)) - set(self.episode_steps())):
            self.notes.append(f"{self.path / 'episodes'} lacks step {at}: somebody removed it")

    def _rewind_metrics(self, step: int) -> None:
        path = self.path / "metrics.jsonl"
        found = read_lines(path, damaged=self.notes)
        kept = [line for line in found if _number(line.get("step")) < step]
        if missing := sorted(set(range(step)) - {line["step"] for line in kept}):
            self.notes.append(f"{path} lacks step {missing[0]}: somebody removed it")
        write_text(path, "".join(f"{json.dumps(line)}\n" for line in kept))

    def write_step(
        self, step: int, metrics: Mapping[str, Any], episodes: Sequence[Episode[Scored]]
    ) -> None:
        """Record step `step`. Numbers that JSON cannot hold (NaN, infinities) become null.

        Raises:
            StoreError: the disk is full or refuses; earlier steps are intact.
        """
        with staged_file(self._target("episodes", f"{step_name(step)}.jsonl")) as temporary:
            _write_lines(temporary, map(episode_lines.to_line, episodes))
        line = json.dumps({"step": step, **_finite(metrics)}, allow_nan=False)
        append_line(self.path / "metrics.jsonl", line)

    def write_validation(self, step: int, report: Mapping[str, Any]) -> None:
        """Write what a validation before step `step` found. Raises StoreError."""
        target = self._target("validation", f"{step_name(step)}.json")
        write_json(target, {"step": step, **_finite(report)})

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write summary.json: the run is finished. Raises StoreError."""
        write_json(self._target("summary.json"), _finite(summary))

    def save(
        self,
        step: int,
        writers: Mapping[str, Callable[[Path], None]],
        metrics: Mapping[str, Any],
    ) -> Path:
        """Write the checkpoint after `step` steps, complete or not at all; prune older ones.

        A complete checkpoint of the same step is left as it is: the same steps end in the same
        state.

        Args:
            step: How many steps are done.
            writers: For each part of the state, what fills its (existing, empty) subfolder.
            metrics: Flat numbers that choose the best checkpoint.

        Returns:
            The checkpoint's folder.

        Raises:
            StoreError: the disk is full or refuses; earlier checkpoints are intact.
        """
        target = self._target("checkpoints", step_name(step))
        if not self._holds(target):
            with staged_folder(target) as temporary:
                for name, write in writers.items():
                    part = temporary / name
                    part.mkdir()
                    write(part)
                manifest.write(temporary, step, _finite(metrics))
        self._prune()
        return target

    def _holds(self, target: Path) -> bool:
        if not target.exists():
            return False
        try:
            checkpoints.load(target)
        except UnreadableError:
            raise
        except StoreError as error:
            self.notes.append(f"replaced a checkpoint: {error}")
            with reporting(target):
                discard(target)
            return False
        return True

    def _prune(self) -> None:
        with reporting(self.path / "checkpoints"):
            for path in checkpoints.idle(self.path, self.config, self.notes):
                discard(path)

    def _target(self, *parts: str) -> Path:
        """Where a record goes. Raises StoreError if the folder has been taken away."""
        if not (self.path / "config.yaml").exists():  # writing on would leave half a run
            raise StoreError(
                f"{self.path} was moved or removed while the run was writing to it: "
                "move it back and continue with --resume, or start again"
            )
        return self.path.joinpath(*parts)


def check_early(path: Path, resume: bool) -> None:
    """As `check_out`, but where somebody may be writing: that is told first, by `RunFolder.open`.

    Raises:
        StoreError: as `check_out`.
    """
    if not (path / _LOCK).exists():
        check_out(path, resume)


def check_out(path: Path, resume: bool) -> None:
    """Check that a run may have the folder `path`, and touch nothing.

    Raises:
        StoreError: it is a file; it is not empty and `resume` is not set; it is no run folder.
    """
    if path.is_file():
        raise StoreError(f"{path} is a file: choose another --out, the run makes a folder of it")
    if not path.is_dir():
        return
    entries = {p.name for p in path.iterdir()} - {_LOCK}
    if not any(not name.startswith(TEMPORARY) for name in entries):
        return
    if not resume:
        raise StoreError(f"{path} is not empty: continue it with --resume or choose another --out")
    if "config.yaml" not in entries:
        raise StoreError(f"{path} is not a run folder (no config.yaml): choose another --out")


def _number(step: Any) -> float:
    """The step of a line; after all others if it is none."""
    return step if isinstance(step, int) else math.inf


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="ascii", newline="\n") as file:
        for line in lines:
            file.write(line)
            file.write("\n")


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _finite_value(value) for key, value in values.items()}


def _finite_value(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return _finite(value)
    if isinstance(value, list | tuple):
        return [_finite_value(item) for item in value]
    return value
