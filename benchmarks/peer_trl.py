"""TRL's own DPO step: the model, adapters, pairs and optimiser settings of one of our players."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from advgame.config.players import LearnConfig, PlayerConfig
from advgame.models.adapters import lora_config
from advgame.models.network import load_network
from advgame.types import Pair

MICRO_BATCH = 8  # pairs in one pass, as a user without much memory would have it


@dataclass(frozen=True, slots=True)
class Outcome:
    loss: float
    grad_norm: float
    tokens: int
    """Tokens forwarded by the policy, padding included."""


class TrlPlayer:
    """A `DPOTrainer` with a LoRA player; `step` is its training step on pairs of ours.

    With bfloat16 the base is loaded in it and TRL's autocast is left on, its default. The
    reference is the base with its adapters off: what ours is before the first update.
    """

    def __init__(self, config: PlayerConfig, folder: str, beta: float, nll: float) -> None:
        from datasets import Dataset
        from trl import DPOConfig, DPOTrainer

        learn = config.learn
        network = load_network(config.model, config.dtype, config.device)
        network.model.set_attn_implementation("sdpa")
        assert config.adapter is not None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.getLogger("trl").setLevel(logging.ERROR)
            self.trainer = DPOTrainer(
                model=network.model,
                args=DPOConfig(
                    output_dir=folder,
                    per_device_train_batch_size=MICRO_BATCH,
                    learning_rate=learn.lr,
                    weight_decay=learn.weight_decay,
                    adam_beta1=learn.betas[0],
                    adam_beta2=learn.betas[1],
                    beta=beta,
                    loss_type=["sigmoid", "sft"] if nll else ["sigmoid"],
                    loss_weights=[1.0, nll] if nll else [1.0],
                    use_cpu=network.device.type == "cpu",
                    bf16=network.dtype == torch.bfloat16,
                    gradient_checkpointing=learn.checkpointing,
                    report_to=[],
                    max_length=None,
                    dataloader_pin_memory=False,
                    disable_tqdm=True,
                ),
                train_dataset=Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}]),
                processing_class=network.tokenizer,
                peft_config=lora_config(network, config.adapter),
            )
        self.network = network
        self.trainer.create_optimizer()
        # As `train` does it: autocast comes with this and not with `bf16` alone.
        self.trainer.model = self.trainer.accelerator.prepare_model(self.trainer.model)
        self._learn = learn

    @property
    def model(self) -> Any:
        return self.trainer.model

    def adapters(self) -> dict[str, torch.nn.Parameter]:
        """A and B by the names our weight sets give them."""
        return {
            name.replace(".default.", "."): parameter
            for name, parameter in self.trainer.model.named_parameters()
            if ".lora_" in name
        }

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take over the adapters of one of our players."""
        mine = self.adapters()
        assert mine.keys() == tensors.keys()
        with torch.no_grad():
            for name, parameter in mine.items():
                parameter.copy_(tensors[name])

    def gradients(self, pairs: Sequence[Pair]) -> tuple[float, int]:
        """Accumulate the gradient of the mean loss over `pairs`; return the loss and tokens."""
        trainer, total, tokens = self.trainer, 0.0, 0
        trainer.current_gradient_accumulation_steps = 1
        for start in range(0, len(pairs), MICRO_BATCH):
            part = pairs[start : start + MICRO_BATCH]
            batch = trainer.data_collator(
                [
                    {
                        "prompt_ids": list(pair.chosen.prompt_ids),
                        "chosen_ids": list(pair.chosen.token_ids),
                        "rejected_ids": list(pair.rejected.token_ids),
                    }
                    for pair in part
                ]
            )
            tokens += batch["input_ids"].numel()
            # The share of this part in the mean over all pairs: TRL divides by the number of
            # accumulation steps, which is the same thing where parts are equal.
            share = len(part) / len(pairs)
            trainer.current_gradient_accumulation_steps = 1 / share
            loss = trainer.training_step(trainer.model, dict(batch))
            total += float(loss)
        return total, tokens

    def step(self, pairs: Sequence[Pair]) -> Outcome:
        """Loss, gradient, clip, AdamW: what `LocalLearner.update` does."""
        loss, tokens = self.gradients(pairs)
        norm = torch.nn.utils.clip_grad_norm_(
            self.trainer.model.parameters(), self._learn.max_grad_norm
        )
        self.trainer.optimizer.step()
        self.trainer.model.zero_grad()
        return Outcome(loss, float(norm), tokens)


def dpo(learn: LearnConfig, nll: float | None = None) -> tuple[float, float]:
    """β and the NLL weight of a player's objective."""
    objective = learn.objective
    assert objective.type == "dpo"
    return objective.beta, objective.nll if nll is None else nll
