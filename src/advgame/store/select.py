"""Naming a checkpoint of a finished or running run: `RUN`, `RUN@120`, `RUN@best`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal, TypeAlias

from advgame.errors import StoreError
from advgame.store import checkpoint as checkpoints
from advgame.store.checkpoint import Checkpoint, step_name
from advgame.store.reader import RunReader, open_readonly

_LOG = logging.getLogger(__name__)

Which: TypeAlias = int | Literal["best"] | None


def parse_source(text: str) -> tuple[Path, Which]:
    """Split `RUN[@step|@best]`. A file or folder whose own name holds an @ is taken as it is.

    Raises:
        StoreError: what follows the @ is neither a step nor `best`.
    """
    run, at, which = text.rpartition("@")
    if not at or Path(text).exists():
        return Path(text), None
    if which == "best":
        return Path(run), "best"
    if not which.isdecimal():
        raise StoreError(f"'{text}' does not name a checkpoint: write RUN, RUN@120 or RUN@best")
    return Path(run), int(which)


def with_step(text: str, step: Which) -> tuple[Path, Which]:
    """As `parse_source`, where an option --step may name the checkpoint instead.

    Raises:
        StoreError: as `parse_source`; or both name one.
    """
    run, which = parse_source(text)
    if step is not None and which is not None:
        raise StoreError(f"'{text}' and --step {step} both name a checkpoint: leave one out")
    return run, which if step is None else step


def resolve_checkpoint(run: Path, step: Which = None) -> Checkpoint:
    """Return a verified checkpoint of `run`.

    Args:
        run: A run folder.
        step: How many steps were done; "best" by the run's own `train.save.keep_best`;
            None = the newest complete one.

    Raises:
        StoreError: no run, no such checkpoint, or it is torn or altered; says what there is.
    """
    reader = open_readonly(run)
    if step is None:
        found = reader.latest()
    elif step == "best":
        found = _best(reader)
    else:
        path = run / "checkpoints" / step_name(step)
        found = checkpoints.load(path) if path.is_dir() else None
    if found is None:
        raise _missing(reader, step)
    for note in reader.notes:  # an older checkpoint than the user may think
        _LOG.warning("%s; taking step %d", note, found.step)
    return found


def _best(reader: RunReader) -> Checkpoint | None:
    rule = reader.config.train.save
    if rule.keep_best is None:
        raise StoreError(f"{reader.path} keeps no best checkpoint (train.save.keep_best is null)")
    found = checkpoints.best(reader.checkpoints(), rule.keep_best, rule.best)
    return checkpoints.load(found.path) if found else None


def _missing(reader: RunReader, step: Which) -> StoreError:
    what = "complete checkpoint" if step is None else f"checkpoint '{step}'"
    steps = ", ".join(str(found.step) for found in reader.checkpoints()) or "none"
    notes = "".join(f"; {note}" for note in dict.fromkeys(reader.notes))
    return StoreError(f"{reader.path} has no {what}; steps with one: {steps}{notes}")
