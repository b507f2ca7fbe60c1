import subprocess
import sys

import pytest

from advgame.models.flops import Shape, forward_flops, training_flops
from advgame.models.tiny import tiny_model, tiny_tokenizer

SMOLLM2 = Shape.of(
    {
        "hidden_size": 576,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "num_hidden_layers": 30,
        "intermediate_size": 1536,
        "vocab_size": 49152,
        "tie_word_embeddings": True,
    }
)


def test_counts_the_parameters_of_a_real_shape():
    assert SMOLLM2.parameters == pytest.approx(134.5e6, rel=2e-3)


def test_counts_the_parameters_of_a_model_in_memory():
    model = tiny_model(tiny_tokenizer())
    matrices = sum(p.numel() for p in model.parameters() if p.ndim == 2)
    assert Shape.of(model.config).parameters == matrices
    assert matrices < 20_000


def test_agrees_with_torch_on_a_forward_and_backward_pass():
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model = tiny_model(tiny_tokenizer(), "eager")
    shape, ids = Shape.of(model.config), torch.arange(40)[None]
    with FlopCounterMode(display=False) as forward:
        loss = model(input_ids=ids).logits.sum()
    # The model multiplies the full square of scores; a causal count would have half the context.
    assert forward_flops(shape, 40, 40, 40) == pytest.approx(forward.get_total_flops(), rel=0.01)
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    both = forward.get_total_flops() + backward.get_total_flops()
    assert training_flops(shape, 40, 40, 40) == pytest.approx(both, rel=0.02)


def test_adapters_cost_less_and_least_on_the_upper_half():
    full = training_flops(SMOLLM2, 100, 50, 100)
    lora = training_flops(SMOLLM2, 100, 50, 100, rank=16)
    upper = training_flops(SMOLLM2, 100, 50, 100, rank=16, first_layer=15)
    assert 2 * forward_flops(SMOLLM2, 100, 50, 100) < lora < 0.8 * full
    assert forward_flops(SMOLLM2, 100, 50, 100) < upper < 0.8 * lora


def test_a_mixture_computes_with_the_experts_it_picks():
    mixture = Shape(
        layers=2, hidden=64, heads=4, kv_heads=4, head_dim=16, intermediate=32, vocab=100,
        experts=8, experts_per_token=2,
    )  # fmt: skip
    layer = 4 * 64 * 64 + 2 * 3 * 64 * 32
    assert forward_flops(mixture, 1, 0, 0) == 2 * 2 * layer


def test_needs_no_torch():
    code = "import sys, advgame.models.flops; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
