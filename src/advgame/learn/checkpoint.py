"""What a learner leaves in a folder, and how it comes back: safetensors and JSON, nothing else.

    policy.safetensors      the trained set
    ema.safetensors         its average
    start.safetensors       where it began, if that is not what building the player again gives
    optimizer.safetensors   AdamW's moments
    learner.json            counts: the place in the schedule

Names of tensors are those of `PlayerWeights.parameters()`. Randomness is derived, so there is no
generator state to keep. Writing folders atomically is the store's business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from advgame.errors import ModelError, StoreError
from advgame.learn.optim import Optimizer
from advgame.models.weights import PlayerWeights, SetName

FORMAT = 1


def save(
    folder: Path, weights: PlayerWeights, optimizer: Optimizer, sets: tuple[SetName, ...]
) -> None:
    """Write `sets` and the optimiser's state into `folder`, which is made if need be.

    Raises:
        OSError, SafetensorError: the disk is full or refuses. Whoever chose `folder`, the store,
            puts it into words.
    """
    save_weights(folder, weights, sets)
    _write(folder / "optimizer.safetensors", optimizer.tensors())
    state = {"format": FORMAT, "updates": optimizer.updates, "skipped": optimizer.skipped}
    (folder / "learner.json").write_text(json.dumps(state) + "\n")


def save_weights(folder: Path, weights: PlayerWeights, sets: tuple[SetName, ...]) -> None:
    """Write `sets` into `folder`, which is made if need be. Raises as `save`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sets:
        _write(folder / f"{name}.safetensors", weights.tensors(name))


def load(folder: Path, weights: PlayerWeights, optimizer: Optimizer) -> tuple[SetName, ...]:
    """Restore what `save` wrote; return which sets that was.

    Raises:
        StoreError: a file is missing, torn, or made for another model.
    """
    sets: tuple[SetName, ...] = ("policy", "ema")
    if (folder / "start.safetensors").exists():
        sets += ("start",)
    try:
        state = json.loads((folder / "learner.json").read_text())
        if state["format"] != FORMAT:
            raise StoreError(
                f"{folder}: learner format {state['format']}, this version reads {FORMAT}"
            )
        moments = load_file(folder / "optimizer.safetensors")
        load_weights(folder, weights, sets)
        optimizer.load(moments, state["updates"], state["skipped"])
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise StoreError(f"cannot restore the learner from {folder}: {error}") from error
    return sets


def load_weights(folder: Path, weights: PlayerWeights, sets: tuple[SetName, ...]) -> None:
    """Restore the weight sets of what `save` wrote, and nothing else.

    Raises:
        StoreError: a file is missing, torn, or made for another model.
    """
    try:
        tensors = {name: load_file(folder / f"{name}.safetensors") for name in sets}
        for name, values in tensors.items():
            weights.load(name, values)
    except (OSError, SafetensorError, ModelError) as error:
        raise StoreError(f"cannot restore the weights from {folder}: {error}") from error


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)
