"""Small operations on named tensors that every implementation of `PlayerWeights` shares."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from advgame.errors import ModelError


@torch.no_grad()
def overwrite(target: Mapping[str, torch.Tensor], source: Mapping[str, torch.Tensor]) -> None:
    """Copy `source` into `target` in place, converting dtype and device.

    Raises:
        ModelError: names or shapes differ; then nothing was written.
    """
    if target.keys() != source.keys():
        odd = sorted(target.keys() ^ source.keys())
        raise ModelError(f"weights do not fit: {len(odd)} names differ, the first is {odd[0]!r}")
    for name, tensor in target.items():
        if tensor.shape != source[name].shape:
            raise ModelError(
                f"weights do not fit: {name!r} has shape {tuple(source[name].shape)}, "
                f"here it is {tuple(tensor.shape)}"
            )
    for name, tensor in target.items():
        tensor.copy_(source[name])


@torch.no_grad()
def move_towards(
    average: Mapping[str, torch.Tensor], latest: Mapping[str, torch.Tensor], decay: float
) -> None:
    """average ← decay · average + (1 − decay) · latest, in place."""
    for name, tensor in average.items():
        tensor.lerp_(latest[name].to(tensor.dtype), 1.0 - decay)
