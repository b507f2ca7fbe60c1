"""The fused LoRA layer against peft's own forward."""

import pytest
import torch
from torch.autograd import gradcheck
from training import adapters, disturb, gradients

from advgame.models.lora import _LoraLinear, fused_forwards


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("biased", [False, True])
def test_gradients_are_those_of_finite_differences(biased):
    torch.manual_seed(0)
    x, a, b = double(5, 4), double(2, 4), double(3, 2)
    weight = double(3, 4).detach()
    bias = double(3).detach() if biased else None
    assert gradcheck(lambda x, a, b: _LoraLinear.apply(x, weight, bias, a, b, 1.7), (x, a, b))


def test_every_adapted_layer_computes_what_pefts_does():
    weights = adapters(first_layer=1)
    disturb(weights)
    with weights.use("policy") as model:
        forwards = fused_forwards(model)
        assert len(forwards) == 2 * 7
        for layer, fused in forwards.items():
            x = torch.randn(1, 6, layer.in_features, requires_grad=True)
            factors = torch.randn(1, 6, layer.out_features)
            results = []
            for forward in (layer.forward, fused):
                out = forward(x)
                (out * factors).sum().backward()
                results.append((out.detach(), x.grad))
                x.grad = None
            torch.testing.assert_close(results[0], results[1], atol=1e-5, rtol=1e-5)
    assert all(bool(one.any()) for one in gradients(weights).values())


def test_layers_that_do_more_are_left_to_peft():
    weights = adapters(first_layer=2)
    with weights.use("policy") as model:
        layers = list(fused_forwards(model))
        layers[0]._disable_adapters = True
        assert len(fused_forwards(model)) == len(layers) - 1


def test_the_set_in_use_is_the_one_computed():
    weights = adapters(first_layer=2)
    disturb(weights)
    outputs = {}
    for name in ("policy", "ema"):
        with weights.use(name) as model:
            layer, fused = next(iter(fused_forwards(model).items()))
            outputs[name] = fused(torch.ones(1, 2, layer.in_features))
    assert not torch.allclose(outputs["policy"], outputs["ema"])
