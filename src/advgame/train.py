"""THE loop: two players, one game, learning in the same step. Start reading here.

    take the step's round               seeds → attack → check → defend → judge → reward
    for each split, for each learner    credit → one optimiser step
    average, push                       EMA and weights for the samplers, once a step
    validate, write, save               all atomic; a killed run resumes bit for bit

What is played and who learns is data (`schedule.py`); what the parts are is decided in `world.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from advgame.ahead import Ahead
from advgame.config import RunConfig
from advgame.events import (
    Observer,
    Phase,
    RunFinished,
    RunStarted,
    Saved,
    StepDone,
    Validated,
)
from advgame.memory import release, settled
from advgame.metrics.rollouts import summarise
from advgame.metrics.updates import fold
from advgame.progress import Progress
from advgame.restore import restore
from advgame.rounds import Clock, Round
from advgame.schedule import splits, turns
from advgame.store.run import RunFolder
from advgame.summary import summary
from advgame.types import Episode, Kind, Role, Scored, UpdateStats
from advgame.world import Player, World, build_world


def train(
    config: RunConfig,
    out: Path,
    *,
    resume: bool = False,
    fork: str | None = None,
    fresh: Collection[Role] = (),
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Run the game that `config` describes into the folder `out`.

    Args:
        config: everything that defines the run.
        out: the run folder; must be new, or hold this very run when `resume` is set.
        resume: go on from the newest complete checkpoint (from step 0 if there is none).
        fork: `RUN[@step]`, whose players to start from.
        fresh: with `fork`, the roles that start anew all the same.
        observer: told what happens, see `advgame.events`.

    Returns:
        The content of `summary.json`.

    Raises:
        AdvGameError: something the user can mend; the run folder stays resumable.
    """
    watch: Observer = observer or (lambda event: None)
    with (
        RunFolder.open(out, config, resume=resume) as folder,
        build_world(config, folder.path) as world,
        settled(),
    ):
        progress = restore(world, folder, fork, fresh)
        return asyncio.run(_run(world, folder, progress, watch))


async def _run(
    world: World, folder: RunFolder, progress: Progress, watch: Observer
) -> dict[str, Any]:
    config = world.config

    def phase(step: int, name: str) -> None:
        watch(Phase(step, name))

    ahead = Ahead(
        lambda step: world.rounds.play(step, phase),
        lag=config.train.lag,
        last=config.train.steps - 1,
        pending=progress.pending,
    )
    world.push(progress.step)
    begun = RunStarted(
        out=folder.path,
        start=progress.step,
        steps=config.train.steps,
        notes=(*world.notes, *folder.notes),
        budget=config.train.budget_tokens,
        spent=progress.cost.spent_tokens,
    )
    watch(begun)
    if progress.step == 0:
        await _validate(world, folder, 0, Clock(), watch)
    while not progress.ended(config.train):
        step = progress.step
        clock = Clock(partial(phase, step))
        with clock.stage("step"):
            played = await ahead.take(step)
            with clock.stage("learn"):
                spent = progress.spent(config.train)
                stats = await asyncio.to_thread(learn, world, played, step, spent)
            await ahead.settle()  # no round straddles a push
            world.average(stats)
            world.push(step + 1)
            progress = progress.add(step + 1, played, stats)
            ended = progress.ended(config.train)
            rates = await _validate(world, folder, step + 1, clock, watch, ended=ended)
            audit = await _audit(world, folder, step, played, clock)
            release()
        metrics: dict[str, Any] = {
            "step": step,
            **summarise(played.all, world.config.game.copy_above),
            **fold(stats),
            **progress.metrics(),
            **rates,
            **audit,
            "time": {**played.seconds, **clock.seconds},
        }
        folder.write_step(step, metrics, played.all)
        world.write_sinks(step, metrics)
        watch(StepDone(step, metrics, played.all))
        if ended or world.save_due(step + 1):
            phase(step, "save")
            writers = {**world.writers(), "driver": progress.writer(ahead.pending)}
            watch(Saved(step + 1, folder.save(step + 1, writers, metrics)))
    result = summary(folder, progress)
    folder.write_summary(result)
    watch(RunFinished(folder.path, result))
    return result


def learn(
    world: World, played: Round, step: int, spent: float | None = None
) -> dict[str, list[UpdateStats | None]]:
    """One optimiser step for each split and each player that learns; None where nothing was found.

    With `learn.minibatches` there are as many in its place, each on a part of the split's seeds.
    `spent` is the share of the run's budget that is gone, where it has one.

    A split without an example is skipped here, once, before any learner is called.
    """
    plan = list(zip(turns(world.config, step), played.episodes, strict=True))
    stats: dict[str, list[UpdateStats | None]] = {}
    for kinds in splits(world.config.train.update):
        for player in world.players:
            if spent is not None:
                player.learner.pace(spent)
            for part in range(player.config.learn.minibatches):
                lessons = [
                    (role, _part(player, episodes, kinds, part))
                    for turn, episodes in plan
                    for role in player.roles
                    if role in turn.learns
                ]
                examples = [
                    each for role, episodes in lessons for each in player.credit(episodes, role)
                ]
                if lessons:
                    release()  # what is free lies in other pieces than this update asks for
                    done = player.learner.update(examples) if examples else None
                    stats.setdefault(player.name, []).append(done)
    return stats


def _part(
    player: Player, episodes: Sequence[Episode[Scored]], kinds: Collection[Kind], part: int
) -> Sequence[Episode[Scored]]:
    """A minibatch of the seeds of these kinds: every n-th, so that each has some of all sources.

    What was played from a seed stays together: its replies share a forward pass.
    """
    return [each for each in episodes if each.seed.kind in kinds][
        part :: player.config.learn.minibatches
    ]


async def _validate(
    world: World,
    folder: RunFolder,
    step: int,
    clock: Clock,
    watch: Observer,
    *,
    ended: bool = False,
) -> Mapping[str, float | None]:
    """Validate the weights as they are before `step`, if it is due; return the rates as metrics."""
    if not world.validation_due(step, ended=ended):
        return {}
    with clock.stage("validate"):
        report = await world.validate(step)
    folder.write_validation(step, report)
    watch(Validated(step, report))
    return {
        f"validation/{name}{suffix}": rate[field]
        for name, rate in report["rates"].items()
        for suffix, field in (("", "value"), ("_low", "low"), ("_high", "high"), ("_n", "n"))
    }


async def _audit(
    world: World, folder: RunFolder, step: int, played: Round, clock: Clock
) -> Mapping[str, float | None]:
    """Let a second judge score a sample of the step's replies, if it is due; return metrics."""
    if not world.audit.due(step):
        return {}
    with clock.stage("audit"):
        return await world.audit.metrics(played.all, folder.metrics(world.audit.reach))
