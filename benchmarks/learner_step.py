"""One DPO step, ours against TRL's DPOTrainer: same model, batch, adapters; prints JSON.

    python benchmarks/learner_step.py [--model NAME] [--first-layer 15] [--pairs 1|4] [--threads 1]

Seconds are CPU seconds of this process: on a machine shared with others the clock says little. With
more than one thread they add up over threads. `gemm` is a large matrix product's rate in the same
process, `gflops_per_s` the step's operations as counted from shapes over its CPU seconds. TRL does
more operations for the same step (repeated prompts, logits of the whole sequence).
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from statistics import median
from tempfile import TemporaryDirectory

import torch

from advgame.config.players import AdapterConfig, LearnConfig
from advgame.learn import LocalLearner
from advgame.models.adapters import AdapterWeights
from advgame.models.network import load_network
from advgame.types import Completion, Finish, Pair

PROMPTS, PROMPT_TOKENS, COMPLETION_TOKENS = 4, 120, 40
RANK, ALPHA = 16, 32.0
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def make_pairs(vocabulary: int, per_prompt: int) -> list[Pair]:
    """One pair a prompt, or the best two against the worst two: four."""
    rng = random.Random(0)

    def ids(length: int) -> tuple[int, ...]:
        return tuple(rng.randrange(100, vocabulary - 100) for _ in range(length))

    def completion(prompt: tuple[int, ...]) -> Completion:
        return Completion(
            prompt_ids=prompt,
            token_ids=ids(COMPLETION_TOKENS),
            logprobs=None,
            text="",
            finish=Finish.STOP,
            policy_version=0,
        )

    side = {1: 1, 4: 2}[per_prompt]
    pairs = []
    for _ in range(PROMPTS):
        prompt = ids(PROMPT_TOKENS)
        best = [completion(prompt) for _ in range(side)]
        worst = [completion(prompt) for _ in range(side)]
        pairs += [Pair(chosen=a, rejected=b) for a in best for b in worst]
    return pairs


def cpu_seconds(step: Callable[[], object]) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started


def gemm(size: int = 2048, times: int = 6) -> float:
    """Operations a CPU second of a large fp32 product."""
    a = torch.randn(size, size)
    return times * 2 * size**3 / cpu_seconds(lambda: [a @ a for _ in range(times)])


def our_learner(model: str, first_layer: int) -> LocalLearner:
    """EMA reference, policy, backward, clip, AdamW: all in `update`."""
    network = load_network(model, "float32", "cpu")
    config = AdapterConfig(rank=RANK, alpha=ALPHA, first_layer=first_layer)
    weights = AdapterWeights(network, "defender", config, 0)
    return LocalLearner(weights, LearnConfig(lr=1e-6), total_updates=1000)


def their_step(
    model: str, pairs: list[Pair], first_layer: int, folder: str
) -> Callable[[], object]:
    """DPOTrainer's training step, clip and optimiser included, on the same tokens."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import DPOConfig, DPOTrainer

    network = load_network(model, "float32", "cpu")
    depth = network.model.config.num_hidden_layers
    trainer = DPOTrainer(
        model=network.model,
        args=DPOConfig(
            output_dir=folder,
            per_device_train_batch_size=len(pairs),
            learning_rate=1e-6,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to=[],
            max_length=None,
            dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}]),
        processing_class=network.tokenizer,
        peft_config=LoraConfig(
            r=RANK,
            lora_alpha=ALPHA,
            lora_dropout=0.0,
            target_modules=TARGETS,
            layers_to_transform=list(range(first_layer, depth)),
        ),
    )
    batch = trainer.data_collator(
        [
            {
                "prompt_ids": list(pair.chosen.prompt_ids),
                "chosen_ids": list(pair.chosen.token_ids),
                "rejected_ids": list(pair.rejected.token_ids),
            }
            for pair in pairs
        ]
    )
    trainer.create_optimizer()
    trainer.current_gradient_accumulation_steps = 1

    def step() -> None:
        trainer.training_step(trainer.model, dict(batch))
        torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), 1.0)
        trainer.optimizer.step()
        trainer.model.zero_grad()

    return step


def measure(args: argparse.Namespace) -> dict[str, object]:
    """Alternate the arms, so that a busy machine is equally busy for both; take medians."""
    learner = our_learner(args.model, args.first_layer)
    with learner.weights.use("policy") as model:
        pairs = make_pairs(model.config.vocab_size, args.pairs)
    with TemporaryDirectory() as folder:
        theirs = their_step(args.model, pairs, args.first_layer, folder)
        stats = learner.update(pairs)  # both arms once, to warm up
        theirs()
        rounds = [
            (cpu_seconds(lambda: learner.update(pairs)), cpu_seconds(theirs), gemm())
            for _ in range(args.repeats)
        ]
    ours_s, theirs_s, peak = (median(values) for values in zip(*rounds, strict=True))
    rate = stats.cost.flops / ours_s
    return {
        "ours_cpu_s": round(ours_s, 2),
        "trl_cpu_s": round(theirs_s, 2),
        "speedup": round(median(theirs / ours for ours, theirs, _ in rounds), 2),
        "tokens": stats.cost.trained_tokens,
        "gflop": round(stats.cost.flops / 1e9),
        "gflops_per_s": round(rate / 1e9),
        "gemm_gflops_per_s": round(peak / 1e9),
        "share_of_gemm": round(rate / peak, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--first-layer", type=int, default=0)
    parser.add_argument("--pairs", type=int, choices=(1, 4), default=1, help="pairs a prompt")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(json.dumps(vars(args) | measure(args)))


if __name__ == "__main__":
    main()
