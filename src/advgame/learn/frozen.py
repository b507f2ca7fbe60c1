"""A player in this process that no step trains: after a fork it is another run's, and stays so."""

from __future__ import annotations

from pathlib import Path

from advgame.learn import checkpoint
from advgame.models.weights import PlayerWeights, SetName

_SETS: tuple[SetName, ...] = ("policy", "ema", "start")


class FrozenPlayer:
    """Holds what was adopted in every set, so that whatever is asked for is that player."""

    def __init__(self, name: str, weights: PlayerWeights) -> None:
        self.name = name
        self.adopted = False
        self._weights = weights

    def adopt(self, folder: Path, plays: SetName) -> None:
        """Become the player that a learner saved in `folder`, in the set that played there.

        Raises:
            StoreError: missing, torn, or of another model.
        """
        checkpoint.load_weights(folder, self._weights, (plays,))
        self._settle(plays)

    def save(self, folder: Path) -> None:
        """Write what was adopted into `folder`.

        Raises:
            OSError, SafetensorError: the disk refuses.
        """
        checkpoint.save_weights(folder, self._weights, _SETS)

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote.

        Raises:
            StoreError: missing, torn, or of another model.
        """
        # Each for itself: of a bfloat16 player trained in full, policy and ema hold float32.
        checkpoint.load_weights(folder, self._weights, _SETS)
        self._weights.copy("policy", "sampler")
        self.adopted = True

    def _settle(self, source: SetName) -> None:
        for target in (*_SETS, "sampler"):
            if target != source:
                self._weights.copy(source, target)
        self.adopted = True
