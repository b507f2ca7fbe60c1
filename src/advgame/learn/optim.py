"""AdamW, the learning-rate schedule, gradient clipping: one step at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advgame.config.players import LearnConfig


def learning_rate(
    config: LearnConfig, update: int, total: int, spent: float | None = None
) -> float:
    """Return the rate of optimiser step `update` (from 0) of `total`.

    Linear warm-up over `warmup_steps` optimiser steps, then a cosine from `lr` to
    `final_lr · lr` that ends with the last step and stays there: it never restarts. Where a run
    ends with a budget, the cosine runs over the share of it that is `spent`.
    """
    if update < config.warmup_steps:
        return config.lr * (update + 1) / config.warmup_steps
    if config.decay == "constant":
        return config.lr
    span = max(1, total - 1 - config.warmup_steps)
    progress = min(1.0, (update - config.warmup_steps) / span if spent is None else spent)
    cosine = (1 + math.cos(math.pi * progress)) / 2
    return config.lr * (config.final_lr + (1 - config.final_lr) * cosine)


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """`grad_norm` is that before clipping; not finite means that the step was skipped."""

    grad_norm: float
    lr: float

    @property
    def skipped(self) -> bool:
        """Whether the weights stayed as they were."""
        return not math.isfinite(self.grad_norm)


class Optimizer:
    """AdamW over named parameters."""

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], config: LearnConfig, total_updates: int
    ) -> None:
        self.parameters = dict(parameters)
        self.updates = 0
        """Calls of `step` so far: the place in the schedule."""
        self.skipped = 0
        """How many of them met a gradient that was not finite."""
        self.spent: float | None = None
        """Share of the run's budget that is spent; None = the schedule spans steps."""
        self._config = config
        self._total = total_updates
        self._adamw = torch.optim.AdamW(
            self.parameters.values(),
            lr=config.lr,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )

    def step(self) -> StepOutcome:
        """Clip, step and clear the gradients; a gradient that is not finite changes no weight."""
        lr = learning_rate(self._config, self.updates, self._total, self.spent)
        norm = torch.nn.utils.get_total_norm(
            [one.grad for one in self.parameters.values() if one.grad is not None]
        )
        outcome = StepOutcome(float(norm), lr)
        self.updates += 1
        if outcome.skipped:
            self.skipped += 1
        else:
            torch.nn.utils.clip_grads_with_norm_(
                self.parameters.values(), self._config.max_grad_norm, norm
            )
            for group in self._adamw.param_groups:
                group["lr"] = lr
            self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)
        return outcome

    def tensors(self) -> dict[str, Tensor]:
        """Return the state: `NAME.exp_avg`, `NAME.exp_avg_sq`, `NAME.step`."""
        return {
            f"{name}.{key}": value
            for name, parameter in self.parameters.items()
            for key, value in self._adamw.state[parameter].items()
        }

    def load(self, tensors: Mapping[str, Tensor], updates: int, skipped: int) -> None:
        """Restore what `tensors` returned and the counts.

        Raises:
            KeyError: a parameter has some of its state and not all.
        """
        self.updates, self.skipped = updates, skipped
        self._adamw.state.clear()
        moved = {name.rpartition(".")[0] for name in tensors}
        for name, parameter in self.parameters.items():
            if name not in moved:  # it never had a gradient, such as a vision tower's
                continue
            self._adamw.state[parameter] = {
                key: _like(tensors[f"{name}.{key}"], parameter, key)
                for key in ("step", "exp_avg", "exp_avg_sq")
            }


def _like(tensor: Tensor, parameter: nn.Parameter, key: str) -> Tensor:
    """AdamW counts steps on the CPU and keeps moments beside their parameter."""
    return tensor.clone() if key == "step" else tensor.to(parameter.device, copy=True)
