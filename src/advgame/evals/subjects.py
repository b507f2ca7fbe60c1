"""From a run folder to whom and what to measure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from advgame.config.game import SeedsConfig
from advgame.engines.build import build_sampler
from advgame.engines.embed import build_embedder
from advgame.errors import ConfigError
from advgame.evals.measure import Subjects
from advgame.game.play import Table
from advgame.game.seat import Seat
from advgame.learn.checkpoint import load_weights
from advgame.models.build import build_players
from advgame.models.weights import SetName
from advgame.seeds.attacks import load_attacks
from advgame.seeds.load import load
from advgame.seeds.schedule import batch
from advgame.store.reader import open_readonly
from advgame.store.select import Which, resolve_checkpoint
from advgame.types import Kind, Role, Seed
from advgame.world import Judges, player_of, seat_of

EMBEDDER = "all-minilm-l6-v2"


def load_subjects(run: Path, step: Which, seeds: Mapping[str, tuple[Seed, ...]]) -> Subjects:
    """The players of a run as they began and as they are at a checkpoint.

    Raises:
        AdvGameError: no such run or checkpoint, a player is remote, a judge cannot be built.
    """
    config = open_readonly(run).config
    checkpoint = resolve_checkpoint(run, step)
    selfplay = config.schedule.type == "selfplay"
    weights = build_players(config.attacker, config.defender, config.seed, shared=selfplay)
    missing = [role.value for role in Role if role not in weights]
    if missing:
        raise ConfigError(
            f"{run}: the {missing[0]} is remote; only players in process are measured"
        )
    for role, own in weights.items():
        part = checkpoint.path / ("shared" if selfplay else role.value)
        if part.is_dir():  # a player that never learned is what it was at the start
            load_weights(part, own, ("policy", "ema"))

    def seats(role: Role) -> dict[str, Seat]:
        player, own = player_of(config, role), weights[role]
        sets: dict[str, SetName] = {"start": "start", "trained": player.learn.sample_from}
        return {
            name: seat_of(config, role, build_sampler(player, own, which))
            for name, which in sets.items()
        }

    attackers, defenders = seats(Role.ATTACKER), seats(Role.DEFENDER)
    judges = Judges(config, run)
    pool = [seed for chosen in seeds.values() for seed in chosen]
    wrapped = load_attacks("templates", pool, "test")
    ids = {seed.text: seed.id for seed in pool}
    return Subjects(
        table=Table(
            attacker=attackers["start"],
            defender=defenders["start"],
            check=judges.check(),
            prompts_per_seed=1,
            replies_per_prompt=1,
            direct_replies=1,
            drift_ratio=config.game.drift_ratio,
        ),
        attackers=attackers,
        defenders=defenders,
        templates=lambda text: wrapped[ids[text]],
        judge=judges.evaluation(),
        embedder=build_embedder(EMBEDDER),
        weights=weights[Role.DEFENDER],
    )


def held_out_seeds(run: Path, benign: tuple[str, ...], count: int) -> dict[str, tuple[Seed, ...]]:
    """`count` test seeds of each set: the run's harmful ones, and each benign set apart.

    All sets are split together with the run's own, so none of them holds a training seed.
    """
    config = open_readonly(run).config
    found = {"harmful": _take(load(config.seeds, "test").harmful, count)}
    for name in benign:
        source = SeedsConfig(harmful=config.seeds.harmful, benign=(name,))
        found[name] = _take(load(source, "test").of(Kind.BENIGN), count)
    return found


def _take(pool: tuple[Seed, ...], count: int) -> tuple[Seed, ...]:
    return batch(pool, min(count, len(pool)), run_seed=0, step=0, stream="measure")
