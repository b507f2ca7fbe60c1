"""Outside training: the players of a run, or of a preset, ready to be talked to and watched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from advgame.config import RunConfig
from advgame.config.game import SeedsConfig
from advgame.config.judges import JudgesConfig, NoCheckConfig, RuleJudgeConfig
from advgame.derive import derive
from advgame.errors import ConfigError
from advgame.game.play import play
from advgame.game.seat import Ask, ModelSeat
from advgame.restore import take
from advgame.schedule import Live
from advgame.store.checkpoint import Checkpoint
from advgame.types import Episode, Kind, Move, Role, Scored, WeightName
from advgame.world import World, build_world

_NOBODY = JudgesConfig(
    defender=RuleJudgeConfig(), faithfulness=NoCheckConfig(), evaluation=RuleJudgeConfig()
)


@dataclass(frozen=True, slots=True)
class Company:
    """Two players and their seeds; if `judged`, their judges too."""

    world: World
    judged: bool

    def say(self, role: Role, text: str, *, kind: Kind = Kind.HARMFUL, draw: int = 0) -> Move:
        """One move of a player to a text of one's own; the Attacker is told the `kind` it is.

        Raises:
            RejectedError: the model does not take this text.
        """
        seat = self.world.rounds.seat(role, Live())
        assert isinstance(seat, ModelSeat)  # of a run's own players
        seed = derive(self.world.config.seed, "talk", role.value, draw)
        request = seat.request(Ask(text=text, kind=kind, seeds=(seed,)))
        [[completion]] = asyncio.run(seat.sampler.sample([request]))
        return seat.read(completion)

    def round(self, draw: int = 0) -> list[Episode[Scored]]:
        """Play and judge one attacked validation seed of each kind.

        Raises:
            ConfigError: the configuration leaves no seeds for validation.
            ValueError: the company was gathered without its judges.
        """
        if not self.judged:
            raise ValueError("a round needs the judges that this company was gathered without")
        held_out = self.world.validation.seeds
        chosen = [
            replace(of_kind[draw % len(of_kind)], direct=False)
            for kind in Kind
            if (of_kind := [seed for seed in held_out if seed.kind is kind])
        ]
        if not chosen:
            raise ConfigError("train.validation counts no seeds, so there is nothing to play")
        rounds = self.world.rounds
        table = replace(
            rounds.table,
            attacker=rounds.seat(Role.ATTACKER, Live()),
            defender=rounds.seat(Role.DEFENDER, Live()),
        )
        stream = (self.world.config.seed, "watch", draw)
        return asyncio.run(play(chosen, table, rounds.bench, draw=stream))


@contextmanager
def gather(
    config: RunConfig,
    checkpoint: Checkpoint | None = None,
    weights: WeightName | None = None,
    *,
    judged: bool = True,
) -> Iterator[Company]:
    """Load both players with the named weights; without a checkpoint they are untrained.

    `weights` None = those that play in the run. Without `judged` no judge is opened: talking needs
    none, and the run's may be a large model or an endpoint that is down.

    Raises:
        AdvGameError: a model, a judge or the checkpoint cannot be loaded.
    """
    changes: dict[str, object] = {"sinks": ()}  # this is no run of its own
    if not judged:
        changes |= {"judges": _NOBODY, "seeds": SeedsConfig(harmful=(), benign=())}
    quiet = config.model_copy(update=changes)
    with (
        TemporaryDirectory(prefix="advgame-") as scratch,
        build_world(quiet, Path(scratch)) as world,
    ):
        if checkpoint is not None:
            take(world, checkpoint)
        for player in world.players:
            player.sync.push(weights or player.config.learn.sample_from, 0)
        yield Company(world, judged)
