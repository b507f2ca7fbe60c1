"""Players and examples for tests of training."""

from __future__ import annotations

import random

import torch

from advgame.config.players import AdapterConfig
from advgame.models.adapters import AdapterWeights
from advgame.models.full import FullWeights
from advgame.models.network import load_model, load_network
from advgame.types import Completion, Credited, Finish, Pair

MODEL = "tiny-random"
VOCABULARY = 250


def adapters(seed: int = 3, first_layer: int = 1) -> AdapterWeights:
    network = load_network(MODEL, "float32", "cpu")
    weights = AdapterWeights(
        network, "defender", AdapterConfig(rank=4, first_layer=first_layer), seed
    )
    disturb(weights)
    return weights


def full() -> FullWeights:
    network = load_network(MODEL, "float32", "cpu")
    return FullWeights(network, lambda dtype: load_model(MODEL, dtype, torch.device("cpu")))


def disturb(weights, seed: int = 0, scale: float = 0.05) -> None:
    """Move the policy away from the other sets, so that no gradient is zero by symmetry."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in weights.parameters().values():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * scale)


def ids(rng: random.Random, length: int) -> tuple[int, ...]:
    return tuple(rng.randrange(3, VOCABULARY) for _ in range(length))


def completion(rng: random.Random, prompt: tuple[int, ...], **changes) -> Completion:
    tokens = ids(rng, rng.randint(1, 12))
    fields = {
        "prompt_ids": prompt,
        "token_ids": tokens,
        "logprobs": tuple(-rng.uniform(1, 7) for _ in tokens),
        "text": "",
        "finish": Finish.STOP,
        "policy_version": 0,
    }
    return Completion(**(fields | changes))


def pairs(seed: int = 0, prompts: int = 3, opening: int = 10) -> list[Pair]:
    """Two against two of four completions a prompt; all prompts share their opening tokens."""
    rng = random.Random(seed)
    shared = ids(rng, opening)
    out = []
    for _ in range(prompts):
        prompt = shared + ids(rng, rng.randint(2, 9))
        best = [completion(rng, prompt) for _ in range(2)]
        worst = [completion(rng, prompt) for _ in range(2)]
        out += [Pair(chosen=a, rejected=b) for a in best for b in worst]
    return out


def credited(seed: int = 0, prompts: int = 3, **changes) -> list[Credited]:
    rng = random.Random(seed)
    return [
        Credited(completion=completion(rng, prompt, **changes), advantage=rng.uniform(-1, 1))
        for prompt in [ids(rng, rng.randint(4, 12)) for _ in range(prompts)]
        for _ in range(3)
    ]


def gradients(weights) -> dict[str, torch.Tensor]:
    return {name: one.grad.clone() for name, one in weights.parameters().items()}
