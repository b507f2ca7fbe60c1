"""Who taught a player: the judges of its run, of runs it goes back to, of an export it began as.

A judge that taught a player is no witness of how well it learned (`judges.named`), however many
forks and exports lie between. So a fork notes whose players it took over, in `fork.json`, and an
exported player says it on its card, `advgame.json`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import TypeAdapter

from advgame.config import RunConfig
from advgame.config.judges import Judge
from advgame.errors import StoreError
from advgame.paths import expanded
from advgame.store.atomic import discard, reporting, write_json
from advgame.store.reader import open_readonly
from advgame.types import Role

CARD = "advgame.json"  # what `advgame export` says of a player
FORK = "fork.json"  # what a run says of the run it was forked from
KEY = "trained_by"

Judges: TypeAlias = tuple[Judge, ...]

T = TypeVar("T")

_JUDGES: TypeAdapter[Judges] = TypeAdapter(Judges)
_FORKS: TypeAdapter[dict[str, Judges]] = TypeAdapter(dict[str, Judges])
# Where and how fast a judge was asked is no part of its taste, and an export may be published.
_NOT_TOLD = {"engine", "cache", "retries", "sampling"}


def training_judges(config: RunConfig, role: Role | None = None) -> Judges:
    """The judges that teach in a run of `config`, and those that taught what its players begin as.

    Args:
        config: of a run.
        role: whose; None = both players'.

    Raises:
        StoreError: a player begins as an export whose card is damaged.
    """
    judges = config.judges
    own = (judges.attacker,) if judges.attacker and judges.attacker_scores else ()
    began = (config.player(each).model for each in _roles(config, role))
    return _once(
        (judges.defender, *own),
        *(judges_of_card(expanded(model)) or () for model in began),
    )


def taught_by(run: Path, role: Role | None = None) -> Judges:
    """Every judge whose scores a run's players learned from, in that run or before it.

    Args:
        run: a run folder. What a fork of an earlier version goes back to is not known.
        role: whose; None = both players'.

    Raises:
        StoreError: `run` is no run folder, or it or a card is damaged.
    """
    config = open_readonly(run).config
    path = run / FORK
    mend = "restore it, or remove it and choose judges with care"
    before = (_read(path, _FORKS, mend) if path.is_file() else None) or {}
    roles = _roles(config, role)
    return _once(training_judges(config, role), *(before.get(each.value, ()) for each in roles))


def note_fork(run: Path, source: Path, step: int, kept: Collection[Role]) -> None:
    """Note in `run` who taught the players that it took over from the run `source`.

    Args:
        run: the new run's folder.
        source: the other run's folder.
        step: of its checkpoint.
        kept: the roles whose players were taken over.

    Raises:
        StoreError: the disk refuses, or the other run is damaged.
    """
    judges = {role.value: told(taught_by(source, role)) for role in Role if role in kept}
    write_json(run / FORK, {"from": str(source), "step": step, KEY: judges})


def no_fork(run: Path) -> None:
    """Take back the note of a fork that came to nothing: `run` starts anew. Raises StoreError."""
    with reporting(run / FORK):
        discard(run / FORK)


def fork_options(run: Path) -> tuple[str, ...]:
    """The options that begin a run as `run` began: with another run's players; () if it did not."""
    try:
        fork = json.loads((run / FORK).read_bytes())
        left = [role.value for role in Role if role.value not in fork[KEY]]
        source = f"{fork['from']}@{fork['step']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return ("--from", source, *(option for role in left for option in ("--fresh", role)))


def told(judges: Iterable[Judge]) -> list[dict[str, Any]]:
    """Judges as JSON values: what makes them who they are, not where they are asked."""
    return [judge.model_dump(mode="json", exclude=_NOT_TOLD) for judge in judges]


def judges_of_card(folder: Path) -> Judges | None:
    """The judges that taught the exported player in `folder`.

    None where it is no exported player, or one of a version that did not write them.

    Raises:
        StoreError: the card is damaged.
    """
    path = folder / CARD
    return _read(path, _JUDGES, "export the player again") if path.is_file() else None


def _read(path: Path, form: TypeAdapter[T], mend: str) -> T | None:
    """What `path` says under `trained_by`; None if it says nothing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return form.validate_python(found[KEY]) if KEY in found else None
    except (OSError, ValueError, TypeError) as error:  # pydantic's is a ValueError
        raise StoreError(f"{path} is damaged: {mend}") from error


def _roles(config: RunConfig, role: Role | None) -> tuple[Role, ...]:
    """Whose past counts: in self-play one policy plays both roles."""
    return tuple(Role) if role is None or config.selfplay else (role,)


def _once(*judges: Judges) -> Judges:
    return tuple({each.model_dump_json(): each for some in judges for each in some}.values())
