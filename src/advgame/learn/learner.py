"""One player's trainable weights and its optimiser, on one rank.

    update(examples):
        denominator = Σ over ranks                       known before the first pass
        for each micro-batch:  log r (no gradient) → log π → (Σ loss / denominator).backward()
        Σ gradients over ranks → clip → AdamW

The result does not depend on how examples fall into micro-batches or ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from advgame.config.players import LearnConfig
from advgame.learn import checkpoint
from advgame.learn.accounting import Accountant
from advgame.learn.forward import check_supported, packed, token_logps
from advgame.learn.optim import Optimizer
from advgame.learn.pack import MicroBatch, micro_batches
from advgame.learn.reference import Reference, reference_logps
from advgame.learn.totals import Reduce, Totals, alone
from advgame.losses import LossTerm, Objective, build
from advgame.models.weights import PlayerWeights, SetName
from advgame.types import Example, UpdateStats


class LocalLearner:
    """`Learner` in this process. `weights` is the player's; only its sets are written."""

    def __init__(
        self,
        weights: PlayerWeights,
        config: LearnConfig,
        *,
        total_updates: int,
        reduce: Reduce = alone,
    ) -> None:
        """Take charge of `weights`.

        Args:
            weights: the player's weight sets.
            config: objective, reference, optimiser.
            total_updates: optimiser steps of the whole run: what the schedule spans.
            reduce: sums a tensor over ranks in place; the default is one rank.

        Raises:
            ModelError: the architecture cannot be trained in packs.
        """
        self.weights = weights
        self.config = config
        self.optimizer = Optimizer(weights.parameters(), config, total_updates)
        self._objective: Objective[Any] = build(config.objective)
        self._reduce = reduce
        self._sets: tuple[SetName, ...] = ("policy", "ema")  # what a checkpoint must hold
        with weights.use("policy") as model:
            check_supported(model)
            self._accountant = Accountant(model, weights, checkpointing=config.checkpointing)

    def update(self, examples: Sequence[Example], /) -> UpdateStats:
        """Take one optimiser step on all `examples`.

        Raises:
            ValueError: no example, on any rank, has weight.
        """
        totals = Totals(self._reduce)
        denominator = totals.over_ranks(self._objective.denominator(examples))
        if not denominator > 0:
            raise ValueError("update needs at least one example of positive weight")
        self._accountant.reset()
        for micro in micro_batches(examples, self.config.micro_batch_tokens, self.weights.device):
            totals.add(self._accumulate(micro, denominator))
        totals.reduce_gradients(self.optimizer.parameters.values())
        outcome = self.optimizer.step()
        counts = {"skipped_updates": float(outcome.skipped)} | self._accountant.counts()
        return UpdateStats(
            examples=len(examples),
            loss=totals.loss(denominator),
            grad_norm=outcome.grad_norm,
            lr=outcome.lr,
            metrics=totals.metrics() | counts,
            cost=self._accountant.cost,
        )

    def pace(self, spent: float, /) -> None:
        """Let the schedule follow the share of the run's budget that is spent, 0 to 1."""
        self.optimizer.spent = spent

    def average(self) -> None:
        """Move the EMA towards the policy, once."""
        self.weights.average(self.config.ema_decay)

    def save(self, folder: Path, /) -> None:
        """Write everything a bit-identical continuation needs.

        Raises:
            OSError, SafetensorError: the disk refuses.
        """
        checkpoint.save(folder, self.weights, self.optimizer, self._sets)

    def load(self, folder: Path, /) -> None:
        """Restore what `save` wrote.

        Raises:
            StoreError: missing, torn, or of another model.
        """
        self._sets = checkpoint.load(folder, self.weights, self.optimizer)

    def adopt(self, folder: Path, /) -> None:
        """Begin where the learner saved in `folder` stood: its weights, a fresh optimiser.

        `start`, the frozen reference, becomes that learner's policy.

        Raises:
            StoreError: missing, torn, or of another model.
        """
        checkpoint.load_weights(folder, self.weights, ("policy", "ema"))
        self.weights.copy("policy", "start")
        self._sets = ("policy", "ema", "start")

    def _accumulate(self, micro: MicroBatch, denominator: float) -> LossTerm:
        """Add the gradient of one micro-batch's share of the loss."""
        reference = self._reference(micro)
        resume = None if reference is None else reference.captured
        with self.weights.use("policy") as model, packed(model):
            out = token_logps(
                model,
                micro.pack,
                entropy_grad=self._objective.trains_entropy,
                capture=self.weights.first_trained_layer,
                resume=resume,
                checkpointing=self.config.checkpointing,
            )
            term = self._objective(
                out.logps_T,
                None if reference is None else reference.logps_T,
                out.entropy_T,
                micro.batch,
            )
            torch.autograd.backward(term.total / denominator)
        self._accountant.trained(micro.pack, resumed=resume is not None)
        return term

    def _reference(self, micro: MicroBatch) -> Reference | None:
        if not self._objective.needs_reference:
            return None
        reference = reference_logps(self.weights, micro.pack, self.config)
        if reference.passed is not None:
            self._accountant.referenced(reference.passed)
        return reference
