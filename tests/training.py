"""Players and examples for tests of training."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch

from advgame.config.players import AdapterConfig
from advgame.learn.forward import packed, token_logps
from advgame.learn.pack import pack
from advgame.models.adapters import AdapterWeights
from advgame.models.full import FullWeights
from advgame.models.network import DtypeName, load_model, load_network
from advgame.types import Completion, Credited, Finish, Pair

MODEL = "tiny-random"
VOCABULARY = 250


def adapters(seed: int = 3, first_layer: int = 1, dtype: DtypeName = "float32") -> AdapterWeights:
    network = load_network(MODEL, dtype, "cpu")
    weights = AdapterWeights(
        network, "defender", AdapterConfig(rank=4, first_layer=first_layer), seed
    )
    disturb(weights)
    return weights


def full(dtype: DtypeName = "float32") -> FullWeights:
    network = load_network(MODEL, dtype, "cpu")
    return FullWeights(network, lambda wanted: load_model(MODEL, wanted, network.device))


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


def logps(model: torch.nn.Module, made: Sequence[Completion]) -> torch.Tensor:
    """The log-prob of each token of the completions under a model, one after the other."""
    with packed(model), torch.no_grad():
        return token_logps(model, pack(made, torch.device("cpu"))).logps_T


def recorded(made: Sequence[Completion]) -> torch.Tensor:
    """The log-probs that were written down when the completions were drawn, in the same order."""
    return torch.tensor([value for each in made for value in each.logprobs or ()])


def gradients(weights) -> dict[str, torch.Tensor]:
    return {name: one.grad.clone() for name, one in weights.parameters().items()}
