"""The opponent pool: past selves of both players, kept on disk, seated on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from safetensors.torch import load_file, save_file

from advgame.game.seat import Seat
from advgame.models.weights import PlayerWeights, SetName
from advgame.protocols import Sampler
from advgame.store import manifest
from advgame.store.atomic import staged_folder
from advgame.store.checkpoint import step_name
from advgame.sync.inprocess import Versioned
from advgame.types import Cost, Role


class PastSampler(Sampler, Versioned, Protocol):
    """Samples from the set "past" of a player's weights, and says of which step they are."""


class Opponents:
    """Snapshots of the weights that play, one folder a step; a resumed run writes them again.

    A snapshot is a function of the step, so it needs no place in a checkpoint: the run folder drops
    those after the checkpoint, and they are made anew; those before it are on the disk already.
    """

    def __init__(
        self,
        folder: Path,
        weights: Mapping[Role, PlayerWeights],
        playing: Mapping[Role, SetName],
        sampler: Callable[[Role, PlayerWeights], PastSampler],
        seat: Callable[[Role, Sampler], Seat],
    ) -> None:
        """`playing` names the set each role samples from; `sampler` makes one on set "past"."""
        self._folder, self._weights, self._playing = folder, weights, playing
        self._make_sampler, self._make_seat = sampler, seat
        self._samplers: dict[Role, PastSampler] = {}
        self._loaded: dict[Role, int] = {}

    @property
    def cost(self) -> Cost:
        """All sampling done by past selves."""
        return sum((each.cost for each in self._samplers.values()), Cost())

    def snapshot(self, step: int) -> None:
        """Let the players as they are before `step` join the pool."""
        target = self._at(step)
        if target.exists():
            return
        with staged_folder(target) as folder:
            for role, weights in self._weights.items():
                tensors = weights.tensors(self._playing[role])
                save_file(
                    {name: tensor.contiguous() for name, tensor in tensors.items()},
                    folder / f"{role}.safetensors",
                )
            manifest.write(folder, step, {})

    def seat(self, role: Role, step: int) -> Seat:
        """The role as it played before `step`.

        Raises:
            StoreError: the snapshot is gone, torn or altered.
        """
        weights = self._weights[role]
        if self._loaded.get(role) != step:
            manifest.verify(self._at(step))
            weights.load("past", load_file(self._at(step) / f"{role}.safetensors"))
            self._loaded[role] = step
        if role not in self._samplers:
            self._samplers[role] = self._make_sampler(role, weights)
        self._samplers[role].pushed(step)
        return self._make_seat(role, self._samplers[role])

    def _at(self, step: int) -> Path:
        return self._folder / step_name(step)
