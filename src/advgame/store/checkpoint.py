"""Checkpoints of a run: naming, listing, verifying, and which of them stay."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from advgame.config.root import PoolConfig, RunConfig
from advgame.errors import StoreError, UnreadableError
from advgame.store import manifest

_NAME = re.compile(r"step-(\d{6,})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint: the state of both players after `step` steps."""

    path: Path
    step: int
    metrics: Mapping[str, Any]

    def folder(self, name: str) -> Path:
        """Return what the writer `name` filled.

        Raises:
            StoreError: this checkpoint has no such part.
        """
        folder = self.path / name
        if not folder.is_dir():
            parts = ", ".join(sorted(p.name for p in self.path.iterdir() if p.is_dir()))
            raise StoreError(
                f"{self.path} has no part '{name}'; it has: {parts}. Start from a run whose "
                "players learn in the same way (schedule.type=selfplay has one part, 'shared')"
            )
        return folder


def step_name(step: int) -> str:
    """Return the name used for step `step` throughout a run folder, without a suffix."""
    return f"step-{step:06d}"


def step_of(path: Path) -> int | None:
    """Return the step a file or folder is named after, or None if it is named otherwise."""
    match = _NAME.fullmatch(path.name.split(".")[0])
    return int(match.group(1)) if match else None


def numbered(folder: Path, suffix: str = "") -> list[tuple[int, Path]]:
    """Return the `step-N` entries of `folder` that end in `suffix`, oldest first."""
    found = [
        (step, path)
        for path in folder.glob(f"step-*{suffix}")
        if (step := step_of(path)) is not None and path.name == step_name(step) + suffix
    ]
    return sorted(found)


def unmet(folder: Path, pool: PoolConfig | None, kept: Sequence[Checkpoint]) -> list[Path]:
    """Return the past selves in `folder` that no step after a kept checkpoint can meet."""
    if pool is None or not kept:
        return []
    met = {at for each in kept for at in range(0, each.step, pool.every)[-pool.size :]}
    newest = max(each.step for each in kept)
    return [path for at, path in numbered(folder) if at < newest and at not in met]


def load(path: Path, *, verify: bool = True) -> Checkpoint:
    """Return the checkpoint at `path`.

    Args:
        path: A `checkpoints/step-N` folder.
        verify: Check every file's SHA-256, not the manifest alone.

    Raises:
        StoreError: it is torn, altered or incomplete; says which file.
    """
    body = manifest.verify(path) if verify else manifest.read(path)
    if step_of(path) != body["step"]:
        raise StoreError(f"{path} holds step {body['step']}: it was renamed")
    return Checkpoint(path, body["step"], body["metrics"])


def idle(run: Path, config: RunConfig, notes: list[str]) -> list[Path]:
    """Return the checkpoints and past selves of a run that its rules of keeping let go.

    What is torn goes, and to `notes`. What cannot be read stays, and every past self with it.
    """
    known: list[Checkpoint] = []
    spared: set[Path] = set()
    found = [path for _, path in numbered(run / "checkpoints")]
    for path in found:
        try:
            known.append(load(path, verify=False))
        except UnreadableError as error:
            spared.add(path)
            notes.append(f"left alone: {error}")
        except StoreError as error:
            notes.append(f"skipped a checkpoint: {error}")
    rule = config.train.save
    kept = known[-rule.keep_last :]
    if rule.keep_best and (top := best(known, rule.keep_best, rule.best)):
        kept = [*kept, top]
    past = [] if spared else unmet(run / "pool", config.pool, kept)
    spared |= {each.path for each in kept}
    return [*(path for path in found if path not in spared), *past]


def newest_first(folder: Path, notes: list[str]) -> Iterator[Checkpoint]:
    """Yield the verified checkpoints in `folder`; what is torn or altered goes to `notes`.

    Raises:
        UnreadableError: one cannot be read at all; going on without it would lose what came after.
    """
    for _, path in reversed(numbered(folder)):
        try:
            found = load(path)
        except UnreadableError:
            raise
        except StoreError as error:
            notes.append(f"skipped a checkpoint: {error}")
        else:
            yield found


def best(
    checkpoints: Sequence[Checkpoint], metric: str, better: Literal["min", "max"]
) -> Checkpoint | None:
    """Return the one with the best `metric`, the newest among equals; None if none has it."""
    scored = [c for c in checkpoints if isinstance(c.metrics.get(metric), int | float)]
    sign = 1 if better == "max" else -1
    return max(scored, key=lambda c: (sign * c.metrics[metric], c.step), default=None)
