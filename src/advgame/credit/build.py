"""From configuration to a credit rule."""

from advgame.config.players import AdvantagesConfig, PairsConfig
from advgame.credit.advantages import advantages
from advgame.credit.pairs import pairs
from advgame.protocols import Credit


def build(config: PairsConfig | AdvantagesConfig) -> Credit:
    """The credit rule a configuration names."""
    return pairs(config) if isinstance(config, PairsConfig) else advantages(config)
