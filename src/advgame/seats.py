"""Who sits at the table: samplers and seats of both roles, as a configuration says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from advgame.config import RunConfig
from advgame.config.root import Static
from advgame.engines.build import build_sampler, hf_sampler
from advgame.game.seat import FixedSeat, ModelSeat, Seat
from advgame.models.weights import PlayerWeights
from advgame.prompts import get_format
from advgame.prompts.guide import guides
from advgame.protocols import Sampler
from advgame.room import room_of
from advgame.seeds.attacks import load_attacks
from advgame.seeds.load import SeedPool
from advgame.types import Role


def samplers_of(config: RunConfig, weights: Mapping[Role, PlayerWeights]) -> dict[Role, Sampler]:
    """One sampler for each distinct set of weights: shared weights, shared sampler."""
    made: dict[int, Sampler] = {}
    found = {}
    for role in Role:
        own = weights.get(role)
        key = id(own) if own is not None else id(role)
        if key not in made:
            made[key] = build_sampler(config.player(role), own, "sampler")
        found[role] = made[key]
    return found


def beginner_of(config: RunConfig, weights: Mapping[Role, PlayerWeights]) -> Sampler | None:
    """Who makes the Defender's guided replies, where that is not the Defender as it plays."""
    guide, own = config.defender.guide, weights.get(Role.DEFENDER)
    if guide.weights == "playing" or own is None or not (guide.harmful or guide.benign):
        return None
    return hf_sampler(config.weights_of(Role.DEFENDER), own, "start")


def seat_of(
    config: RunConfig, role: Role, sampler: Sampler, *, guided: Sampler | None = None
) -> ModelSeat:
    """The seat of a role: a sampler, asked and read as the configuration says."""
    player = config.player(role)
    return ModelSeat(
        sampler=sampler,
        format=get_format(role, player.format),
        sampling=player.sampling.draws,
        system=player.system,
        accept_truncated=player.sampling.truncation == "accept",
        guided=guided,
    )


def fixed_seat(config: RunConfig, pool: SeedPool, defender: Seat) -> Seat:
    """The seat of fixed attacks; without a static schedule nobody sits there.

    Of a seed's attacks those are played that `defender` has room for, under any guide; without
    one, the seed itself.
    """
    if not isinstance(config.schedule, Static):
        return FixedSeat(lambda text: ())
    seeds = {seed.text: seed for seed in (*pool.harmful, *pool.benign)}
    attacks = load_attacks(config.schedule.attacks, seeds.values())
    guide = config.defender.guide
    fits = room_of(defender, (*guides(guide.harmful_text), *guides(guide.benign_text)))

    def known(text: str) -> Sequence[str]:  # anew each time: all of them would not fit memory
        seed = seeds[text]
        found = attacks.get(seed.id, ())
        return tuple(each for each in found if fits(seed.present(each), seed.kind)) or (text,)

    return FixedSeat(known)
