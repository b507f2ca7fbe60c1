"""Log-probs recorded while sampling are the reference's, where both are the same weights."""

import asyncio

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from training import disturb

from advgame.config.players import AdapterConfig, LearnConfig
from advgame.engines.hf import HfSampler
from advgame.learn import LocalLearner
from advgame.learn.pack import pack
from advgame.learn.reference import reference_logps
from advgame.models.adapters import AdapterWeights
from advgame.models.network import load_network
from advgame.types import Message, Pair, SampleRequest, Sampling


def player(dtype="float32") -> AdapterWeights:
    network = load_network("tiny-random", dtype, "cpu")
    weights = AdapterWeights(network, "defender", AdapterConfig(rank=4, first_layer=1), 3)
    disturb(weights)
    weights.copy("policy", "ema")
    weights.copy("ema", "sampler")
    disturb(weights, seed=1)  # the policy goes on alone
    return weights


def drawn(weights, tokens=16):
    requests = [
        SampleRequest(
            messages=(Message(role="user", content=text),),
            seeds=(1, 2, 3, 4),
            sampling=Sampling(temperature=0.8, max_new_tokens=tokens),
        )
        for text in ("Why is the sky blue?", "Why is the sea blue?", "hi")
    ]
    return asyncio.run(HfSampler(weights).sample(requests))


def test_recorded_is_what_a_pass_of_the_reference_gives():
    weights = player()
    rows = drawn(weights)
    whole = pack([one for row in rows for one in row], weights.device)
    recorded = reference_logps(weights, whole, LearnConfig(reference="recorded"))
    by_pass = reference_logps(weights, whole, LearnConfig(reference="ema"))
    assert recorded.passed is None and by_pass.passed is whole
    torch.testing.assert_close(recorded.logps_T, by_pass.logps_T, atol=1e-4, rtol=0)


def test_the_step_is_the_same_and_a_pass_cheaper():
    done = {}
    for reference in ("recorded", "ema"):
        weights = player()
        pairs = [Pair(chosen=a, rejected=b) for a, b, *_ in drawn(weights)]
        learner = LocalLearner(weights, LearnConfig(reference=reference), total_updates=9)
        done[reference] = learner.update(pairs)
    recorded, ema = done["recorded"], done["ema"]
    assert recorded.loss == pytest.approx(ema.loss, abs=1e-4)
    assert recorded.grad_norm == pytest.approx(ema.grad_norm, rel=1e-3)
    assert abs(ema.metrics["kl"]) > 1e-4  # or nothing was compared
    assert (recorded.metrics["passes"], ema.metrics["passes"]) == (1, 2)


class Casts(TorchDispatchMode):
    """Counts tensors of these shapes that are given another type."""

    def __init__(self, shapes) -> None:
        super().__init__()
        self.shapes, self.seen = shapes, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        # `to` as a whole: in inference mode it arrives here undivided.
        if func.overloadpacket.__name__ in ("to", "_to_copy"):
            self.seen += out.dtype != args[0].dtype and tuple(out.shape) in self.shapes
        return out


@pytest.mark.parametrize("tokens", [1, 8])
def test_adapters_are_cast_once_however_many_tokens_are_drawn(tokens):
    weights = player("bfloat16")
    held = weights.tensors("sampler").values()
    sampler = HfSampler(weights)
    request = SampleRequest(
        messages=(Message(role="user", content="Why is the sky blue?"),),
        seeds=(1, 2),
        sampling=Sampling(temperature=0.8, max_new_tokens=tokens),
    )
    with Casts({tuple(tensor.shape) for tensor in held}) as casts:
        sampler._sample([request], None)
    assert casts.seen == len(held)
