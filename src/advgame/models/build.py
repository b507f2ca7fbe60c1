"""Both players' weights from their configuration."""

from __future__ import annotations

from advgame.config.players import PlayerConfig
from advgame.derive import derive
from advgame.models.adapters import AdapterWeights
from advgame.models.full import FullWeights
from advgame.models.network import (
    DeviceName,
    DtypeName,
    Network,
    load_model,
    load_network,
)
from advgame.models.weights import PlayerWeights
from advgame.types import Role


def build_players(
    attacker: PlayerConfig, defender: PlayerConfig, seed: int, shared: bool = False
) -> dict[Role, PlayerWeights]:
    """Load the weights of every player that lives in this process.

    A player behind an endpoint has none here and is left out. Players with adapters that start
    from the same model, dtype and device share one frozen base. With `shared` (self-play) both
    roles are the same object, made from the Defender's configuration.

    Raises:
        ModelError: a model cannot be loaded, or an adapter does not fit it.
        AssetError: a packaged model cannot be had.
    """
    if shared:
        both = _weights(defender, load_network(*_place(defender)), "shared", seed)
        return {Role.ATTACKER: both, Role.DEFENDER: both}
    bases: dict[tuple[str, DtypeName, DeviceName], Network] = {}
    players: dict[Role, PlayerWeights] = {}
    for role, config in ((Role.ATTACKER, attacker), (Role.DEFENDER, defender)):
        if config.engine.type != "hf":
            continue
        place = _place(config)
        if config.adapter is None:
            network = load_network(*place)
        else:
            network = bases[place] if place in bases else load_network(*place)
            bases[place] = network
        players[role] = _weights(config, network, role.value, seed)
    return players


def _place(config: PlayerConfig) -> tuple[str, DtypeName, DeviceName]:
    return config.model, config.dtype, config.device


def _weights(config: PlayerConfig, network: Network, player: str, seed: int) -> PlayerWeights:
    if config.adapter is None:
        return FullWeights(network, lambda dtype: load_model(network.name, dtype, network.device))
    return AdapterWeights(network, player, config.adapter, derive(seed, "adapter", player))
