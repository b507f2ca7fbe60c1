"""Where a run begins: at its newest checkpoint, as a fork of another run, or at the start."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch

from advgame.config import RunConfig
from advgame.progress import Progress
from advgame.store.checkpoint import Checkpoint
from advgame.store.reader import open_readonly
from advgame.store.run import RunFolder
from advgame.store.select import parse_source, resolve_checkpoint
from advgame.store.taught import no_fork, note_fork
from advgame.types import Role
from advgame.world import World


def restore(
    world: World, folder: RunFolder, fork: str | None, fresh: Collection[Role] = ()
) -> Progress:
    """Go on from the newest complete checkpoint, or start, perhaps with another run's players.

    A fork takes over every player that the other run trained, also one that this run does not
    train, but for those in `fresh`, and notes which judges taught them. It is saved as step 0 at
    once: resumed before its first save, it is still a fork.

    Raises:
        StoreError: a checkpoint is damaged, or the other run has no such player.
    """
    found = folder.latest()
    progress = Progress() if found is None else Progress.read(found.folder("driver"))
    if found is not None:
        take(world, found)
        folder.notes += _other_threads(world.config, progress.threads)
    elif fork is not None:
        run, which = parse_source(fork)
        source, theirs = resolve_checkpoint(run, which), open_readonly(run).config
        for player in world.players:
            if set(player.roles) <= set(fresh):
                continue
            if player.name in set(Role) and not _has(source, player.name):
                folder.notes.append(f"{run} never trained its {player.name}: it begins anew here")
                continue
            player.learner.adopt(_part(source, player.name))
        for frozen in world.frozen:
            if Role(frozen.name) not in fresh and _has(source, frozen.name):
                plays = theirs.weights_of(Role(frozen.name)).learn.sample_from
                frozen.adopt(_part(source, frozen.name), plays)
    folder.rewind(progress.step)
    if found is None and fork is None:
        no_fork(folder.path)
    elif found is None:
        note_fork(folder.path, run, source.step, _kept(world, fresh))
        folder.save(0, {**world.writers(), "driver": progress.writer(None)}, {})
    return progress


def take(world: World, found: Checkpoint) -> None:
    """Give every player what it is in a checkpoint of this very run.

    Raises:
        StoreError: a part is missing or does not fit.
    """
    for player in world.players:
        player.learner.load(found.folder(player.name))
    for frozen in world.frozen:
        if (found.path / frozen.name).is_dir():  # adopted by a fork
            frozen.load(found.folder(frozen.name))


def _other_threads(config: RunConfig, before: int | None) -> list[str]:
    """What to know where `train.threads: auto` took another count than before the checkpoint.

    Counts that were set are compared by `store.compatible`.
    """
    now = torch.get_num_threads()
    if config.train.threads != "auto" or before in (None, now):
        return []
    return [
        f"{before} threads before, {now} now: the continuation is not bit-identical; "
        f"train.threads={before} would make it so"
    ]


def _kept(world: World, fresh: Collection[Role]) -> set[Role]:
    """Whose players a fork takes over; in self-play both roles' or none's."""
    kept = {role for role in Role if role not in fresh}
    return set(Role) if kept and world.config.selfplay else kept


def _has(source: Checkpoint, name: str) -> bool:
    """Whether the other run trained that player; one it did not is what it was at its start."""
    return any((source.path / part).is_dir() for part in (name, "shared"))


def _part(source: Checkpoint, name: str) -> Path:
    """The player's part, or that of the one policy that played both roles."""
    shared = source.path / "shared"
    return shared if shared.is_dir() else source.folder(name)
