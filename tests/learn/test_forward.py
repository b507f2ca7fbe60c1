"""The packed pass against the plain one: each completion after its own prompt, padded."""

import random

import pytest
import torch
from training import completion, ids
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GptOssConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from advgame.errors import ModelError
from advgame.learn.attention import NAME
from advgame.learn.forward import check_supported, packed, token_logps
from advgame.learn.pack import pack
from advgame.models.attention import NAME as PLAIN
from advgame.models.tiny import tiny_model, tiny_tokenizer

CPU = torch.device("cpu")
SMALL = {
    "vocab_size": 259,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}
MODELS = {
    "tiny-random": lambda: tiny_model(tiny_tokenizer()),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SMALL, tie_word_embeddings=False)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SMALL, tie_word_embeddings=True)),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SMALL)),
    "mistral": lambda: MistralForCausalLM(MistralConfig(**SMALL, sliding_window=None)),
}


@pytest.fixture(params=sorted(MODELS))
def model(request):
    torch.manual_seed(0)
    return MODELS[request.param]().eval()


def completions(seed=0):
    """Three prompts with a common opening, three completions each, one of them twice."""
    rng = random.Random(seed)
    opening = ids(rng, 12)
    made = []
    for _ in range(3):
        prompt = opening + ids(rng, rng.randint(1, 9))
        made += [completion(rng, prompt, logprobs=None) for _ in range(3)]
    return [*made, made[1]]


def padded_logps(model, made):
    """The obvious way: a padded batch, full logits, a mask."""
    rows = [torch.tensor(one.prompt_ids + one.token_ids) for one in made]
    batch = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    log_p = model(input_ids=batch, attention_mask=mask).logits.log_softmax(-1)
    values = []
    for number, one in enumerate(made):
        start = len(one.prompt_ids)
        targets = rows[number][start:, None]
        values.append(log_p[number, start - 1 : len(rows[number]) - 1].gather(1, targets)[:, 0])
    return torch.cat(values)


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: one.grad.clone() for name, one in model.named_parameters()}


@pytest.mark.parametrize("checkpointing", [False, True])
def test_packed_log_probs_and_gradients_are_the_padded_ones(model, checkpointing):
    made = completions()
    naive = padded_logps(model, made)
    factors = torch.linspace(-1, 1, len(naive))
    expected = gradients(model, (naive * factors).sum())
    with packed(model):
        ours = token_logps(model, pack(made, CPU), checkpointing=checkpointing).logps_T
        got = gradients(model, (ours * factors).sum())
    torch.testing.assert_close(ours, naive, atol=1e-4, rtol=0)
    for name, gradient in expected.items():
        torch.testing.assert_close(got[name], gradient, atol=1e-4, rtol=1e-4)


def test_a_pass_resumed_from_captured_states_is_the_same_pass(model):
    whole = pack(completions(), CPU)
    with packed(model), torch.no_grad():
        first = token_logps(model, whole, capture=2)
        called = []
        for number, layer in enumerate(model.model.layers):
            layer.mlp.register_forward_hook(lambda *_, number=number: called.append(number))
        second = token_logps(model, whole, capture=2, resume=first.captured)
    assert torch.equal(first.logps_T, second.logps_T)
    assert called == [2]


def test_the_model_is_left_as_it_was(model):
    before = model.config._attn_implementation
    made = completions()
    with packed(model):
        assert model.config._attn_implementation == NAME
        token_logps(model, pack(made, CPU), capture=1, checkpointing=True)
    assert model.config._attn_implementation == before != NAME
    assert not any("forward" in vars(layer) for layer in model.model.layers)
    assert torch.isfinite(padded_logps(model, made)).all()


def test_no_mask_is_built(model, monkeypatch):
    seen = []
    attention = model.model.layers[0].self_attn
    attention.register_forward_pre_hook(
        lambda _module, _args, kwargs: seen.append(kwargs["attention_mask"]), with_kwargs=True
    )
    with packed(model):
        token_logps(model, pack(completions(), CPU))
    assert seen == [None]


def test_supported_models_are_supported(model):
    check_supported(model)


def test_a_model_that_caps_its_logits_is_refused():
    config = Gemma2Config(**SMALL, final_logit_softcapping=0.5, attn_logit_softcapping=None)
    model = Gemma2ForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    with pytest.raises(ModelError, match="Gemma2ForCausalLM cannot be trained here"):
        check_supported(model)


def test_a_cap_that_bfloat16_would_hide_is_refused():
    """Of logits up to 10 a cap of 15 moves log-probs by less than a quarter of them."""
    torch.manual_seed(0)
    config = Gemma2Config(**SMALL, final_logit_softcapping=15.0, attn_logit_softcapping=None)
    model = Gemma2ForCausalLM(config).eval().to(torch.bfloat16)
    with torch.no_grad():
        model.lm_head.weight.normal_(std=0.4)  # at 0.5 the packed pass alone shows it
    with pytest.raises(ModelError, match="Gemma2ForCausalLM cannot be trained here"):
        check_supported(model)
    model.config.final_logit_softcapping = None
    check_supported(model)


SINKS = {"num_local_experts": 2, "num_experts_per_tok": 1, "sliding_window": 128}


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (GptOssConfig(**SMALL, **SINKS), "attention sinks"),
        (Gemma2Config(**SMALL, final_logit_softcapping=None), "capped attention scores"),
    ],
    ids=["sinks", "caps"],
)
def test_attention_that_does_more_is_refused_wherever_it_is_computed(config, what):
    config = config.from_dict(config.to_dict())
    model = AutoModelForCausalLM.from_config(config, attn_implementation=PLAIN).eval()
    with pytest.raises(ModelError, match=what):
        model(torch.tensor([[3, 4, 5]]))
    with packed(model), pytest.raises(ModelError, match=what):
        token_logps(model, pack(completions(), CPU))


def test_a_sequence_beyond_the_sliding_window_is_refused():
    torch.manual_seed(0)
    model = MistralForCausalLM(MistralConfig(**SMALL, sliding_window=8)).eval()
    with packed(model), pytest.raises(ModelError, match="sliding window of 8"):
        token_logps(model, pack(completions(), CPU))
