"""The composition root: from a configuration to the objects that play and learn.

Nothing else names implementations. The loop in `train.py` sees players, rounds and callables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from advgame.audit.watch import Watch, audit_notes
from advgame.config import RunConfig
from advgame.config.judges import Judge as JudgeConfig
from advgame.config.players import PlayerConfig
from advgame.credit import build as build_credit
from advgame.engines.build import hf_sampler, judge_samplers
from advgame.engines.embed import build_embedder
from advgame.engines.hf import HfSampler
from advgame.engines.threads import pick_threads
from advgame.game.play import Table
from advgame.game.rewards import build_rule
from advgame.game.score import Bench
from advgame.game.seat import Seat
from advgame.judges.build import build_check, build_judge
from advgame.judges.sandbox import with_facts
from advgame.learn.frozen import FrozenPlayer
from advgame.learn.learner import LocalLearner
from advgame.metrics.sinks import build_sinks
from advgame.models.build import build_players
from advgame.models.weights import PlayerWeights
from advgame.opponents import Opponents
from advgame.protocols import Credit, FaithfulnessCheck, Judge, Sampler, Sink, WeightSync
from advgame.room import check_room
from advgame.rounds import Rounds
from advgame.schedule import Fixed, Past, Source, ever_learns, learning_steps, snapshot_due, splits
from advgame.seats import beginner_of, fixed_seat, samplers_of, seat_of
from advgame.seeds.again import WITHIN, met
from advgame.seeds.load import load
from advgame.store.reader import RunReader
from advgame.sync.inprocess import InProcessSync
from advgame.types import Role
from advgame.validation import Validation, validation_pool, validation_seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """A policy that learns: one role's, or in self-play the one that plays both."""

    name: str
    roles: tuple[Role, ...]
    learner: LocalLearner
    credit: Credit
    sync: WeightSync
    config: PlayerConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything a run needs."""

    config: RunConfig
    players: tuple[Player, ...]
    frozen: tuple[FrozenPlayer, ...]
    rounds: Rounds
    opponents: Opponents
    validation: Validation
    audit: Watch
    sinks: tuple[Sink, ...]
    notes: tuple[str, ...]

    def push(self, step: int) -> None:
        """Give the samplers the weights that play step `step`; the version is the step."""
        for player in self.players:
            player.sync.push(player.config.learn.sample_from, step)
        if step < self.config.train.steps and snapshot_due(self.config, step):
            self.opponents.snapshot(step)

    def average(self, learned: Iterable[str]) -> None:
        """Move the EMA of each player that learned, once a step."""
        for player in self.players:
            if player.name in learned:
                player.learner.average()

    def writers(self) -> dict[str, Callable[[Path], None]]:
        """What writes each learner's part of a checkpoint."""
        frozen = {player.name: player.save for player in self.frozen if player.adopted}
        return {player.name: player.learner.save for player in self.players} | frozen

    def validation_due(self, step: int, *, ended: bool) -> bool:
        """Whether the weights as they are before `step`, after which none may come, are due."""
        every = self.config.train.validation.every
        return bool(every) and (step % every == 0 or ended)

    async def validate(self, step: int) -> dict[str, Any]:
        """The validation report of the weights last pushed."""
        return await self.validation.report(step)

    def save_due(self, done: int) -> bool:
        """Whether a checkpoint is due after `done` steps; after the last one it always is.

        Where the best by a validation is to be kept, it is due after each validation, too.
        """
        save = self.config.train.save
        judged = (save.keep_best or "").startswith("validation/")
        if judged and self.validation_due(done, ended=False):
            return True
        return bool(save.every) and done % save.every == 0

    def write_sinks(self, step: int, metrics: dict[str, Any]) -> None:
        """Tell the optional sinks."""
        for sink in self.sinks:
            sink.write(step, metrics)


@contextmanager
def build_world(config: RunConfig, out: Path) -> Iterator[World]:
    """Build the world of a run, and close what it opened.

    Raises:
        AdvGameError: a model, a seed set, a judge or an endpoint is not to be had.
    """
    threads = pick_threads(config.train.threads)
    train_seeds, held_out = load(config.seeds, "train"), validation_pool(config)
    weights = build_players(config.attacker, config.defender, config.seed, shared=config.selfplay)
    samplers = samplers_of(config, weights)
    opponents = Opponents(
        out / "pool",
        weights,
        {role: config.player(role).learn.sample_from for role in Role},
        lambda role, own: hf_sampler(config.player(role), own, "past"),
        lambda role, sampler: seat_of(config, role, sampler),
    )
    judges = Judges(config, out)
    bench, second = judges.bench(), judges.evaluation()
    beginner = beginner_of(config, weights)
    seats: dict[Role, Seat] = {
        Role.ATTACKER: seat_of(config, Role.ATTACKER, samplers[Role.ATTACKER]),
        Role.DEFENDER: seat_of(config, Role.DEFENDER, samplers[Role.DEFENDER], guided=beginner),
    }
    check_room(seats, train_seeds, held_out)
    table = Table(
        attacker=seats[Role.ATTACKER],
        defender=seats[Role.DEFENDER],
        check=judges.check(),
        prompts_per_seed=config.game.prompts_per_seed,
        replies_per_prompt=config.game.replies_per_prompt,
        direct_replies=config.game.direct_replies or config.game.replies_per_prompt,
        drift_ratio=config.game.drift_ratio,
    )
    fixed = fixed_seat(config, train_seeds, seats[Role.DEFENDER])
    training: list[Sampler | Judge | FaithfulnessCheck] = [
        *dict.fromkeys(samplers.values()),
        *([beginner] if beginner else []),
        *bench.judges,
        table.check,
    ]

    def seat(role: Role, source: Source) -> Seat:
        if isinstance(source, Past):
            return opponents.seat(role, source.step)
        return fixed if isinstance(source, Fixed) else seats[role]

    with ExitStack() as stack:
        sinks = tuple(build_sinks(config.sinks, out))
        for sink in sinks:
            stack.callback(sink.close)
        yield World(
            config=config,
            players=tuple(_players(config, weights, samplers)),
            frozen=tuple(
                FrozenPlayer(role.value, own)
                for role, own in weights.items()
                if role not in ever_learns(config.schedule)
            ),
            rounds=Rounds(
                config=config,
                table=table,
                bench=bench,
                seeds=train_seeds,
                seat=seat,
                met=lru_cache(WITHIN + 1)(lambda step: met(RunReader(out).episodes(step))),
                spent=lambda: sum((each.cost for each in training), opponents.cost),
            ),
            opponents=opponents,
            validation=Validation(
                seeds=validation_seeds(config.train.validation, held_out),
                table=replace(table, prompts_per_seed=1, replies_per_prompt=1, direct_replies=1),
                judge=second,
                run_seed=config.seed,
            ),
            audit=Watch.of(config, second),
            sinks=sinks,
            notes=(
                threads,
                *(f"{role}: {own.describe()}" for role, own in weights.items()),
                *audit_notes(config.judges),
            ),
        )


def _players(
    config: RunConfig, weights: Mapping[Role, PlayerWeights], samplers: Mapping[Role, Sampler]
) -> Iterator[Player]:
    """The players that learn in some step, each with a learning-rate schedule of its own length."""
    learning = ever_learns(config.schedule)
    per_step = len(splits(config.train.update))
    for role in (Role.DEFENDER,) if config.selfplay else learning:
        player, own = config.player(role), weights[role]
        sampler = samplers[role]
        assert isinstance(sampler, HfSampler)  # the configuration refuses to train anything else
        steps = learning_steps(config.schedule, role, config.train.steps)
        yield Player(
            name=config.part(role),
            roles=learning if config.selfplay else (role,),
            learner=LocalLearner(
                own, player.learn, total_updates=steps * per_step * player.learn.minibatches
            ),
            credit=build_credit(player.learn.credit_or_default),
            sync=InProcessSync(own, sampler),
            config=player,
        )


class Judges:
    """Builds the judges of a run; language models and encoders named twice are loaded once."""

    def __init__(self, config: RunConfig, out: Path) -> None:
        self._config = config.judges
        self._game = config.game
        self._cache = out / "judge-cache"
        self._embedder = cache(build_embedder)
        self._sampler = judge_samplers()

    def bench(self) -> Bench:
        """The judges that train, with the reward rules. One judge serves both roles if it can."""
        defender = self._judge(self._config.defender)
        attacker: Judge | None = None
        if self._config.attacker_scores:
            own = self._config.attacker
            attacker = defender if own is None else self._judge(own)
        return Bench(
            defender=defender,
            attacker=attacker,
            defender_rule=build_rule(self._game.defender_reward),
            attacker_rule=build_rule(self._game.attacker_reward),
            faults=self._game.faults,
            attacker_reply=self._game.attacker_reply,
            judge_against=self._game.judge_against,
        )

    def check(self) -> FaithfulnessCheck:
        """The faithfulness check."""
        return build_check(self._config.faithfulness, self._sampler, self._embedder, self._cache)

    def evaluation(self) -> Judge:
        """The judge of validation rounds."""
        return self._judge(self._config.measuring)

    def _judge(self, config: JudgeConfig) -> Judge:
        return with_facts(build_judge(config, self._sampler, self._embedder, self._cache))
