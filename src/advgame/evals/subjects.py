"""From a run folder to whom and what to measure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from advgame.config import RunConfig
from advgame.config.game import SeedsConfig
from advgame.engines.embed import build_embedder
from advgame.evals.arena import RunPlayers
from advgame.evals.measure import Subjects
from advgame.game.seat import Seat
from advgame.seeds.attacks import load_attacks
from advgame.seeds.load import load
from advgame.seeds.schedule import batch
from advgame.store.select import Which
from advgame.types import Kind, Role, Seed, Weights

EMBEDDER = "all-minilm-l6-v2"


def load_subjects(
    run: Path,
    step: Which,
    seeds: Mapping[str, tuple[Seed, ...]],
    weights: Weights | None = None,
) -> Subjects:
    """The players of a run as they began and as they are at a checkpoint.

    `weights`: what was trained or its average; None = those that play in the run.

    Raises:
        AdvGameError: no such run or checkpoint, a player is remote, a judge cannot be built.
    """
    players = RunPlayers.of(run)
    found = players.load(step)

    def seats(role: Role) -> dict[str, Seat]:
        return {which: players.seat(role, which, weights) for which in ("start", "trained")}

    pool = [seed for chosen in seeds.values() for seed in chosen]
    wrapped = load_attacks("templates", pool, "test")
    ids = {seed.text: seed.id for seed in pool}
    return Subjects(
        attackers=seats(Role.ATTACKER),
        defenders=seats(Role.DEFENDER),
        templates=lambda text: wrapped[ids[text]],
        check=players.check(),
        drift_ratio=players.config.game.drift_ratio,
        judge=players.judge(),
        embedder=build_embedder(EMBEDDER),
        weights=players.defender,
        step=found,
    )


def held_out_seeds(
    config: RunConfig, benign: tuple[str, ...], count: int, draw: int = 0
) -> dict[str, tuple[Seed, ...]]:
    """`count` test seeds of each set: the run's harmful ones, and each benign set apart.

    None of them holds a seed that the run trains or validates on, whatever a row of its own says of
    its split. Draws 0, 1, … of a set share no seed while it lasts.
    """
    found = {"harmful": _take(load(config.seeds, "test", (Kind.HARMFUL,)).harmful, count, draw)}
    used = {
        seed.id
        for split in ("train", "validation")
        for seed in load(config.seeds, split, ()).benign
    }
    for name in benign:
        source = SeedsConfig(harmful=config.seeds.harmful, benign=(name,))
        pool = load(source, "test", (Kind.BENIGN,)).benign
        found[name] = _take(tuple(seed for seed in pool if seed.id not in used), count, draw)
    return found


def _take(pool: tuple[Seed, ...], count: int, draw: int) -> tuple[Seed, ...]:
    count = min(count, len(pool))
    order, place = divmod(draw, max(1, len(pool) // max(1, count)))  # none twice in a draw
    return batch(pool, count, run_seed=order, step=place, stream="measure")
