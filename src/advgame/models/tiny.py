"""`tiny-random`: a model of about nine thousand parameters, built in code, for tests and presets.

The same on every machine and needs no download. Its weights are random, with an output head that
leans towards letters, spaces and the end of turn: it babbles, sometimes stops by itself, and runs
the whole game in milliseconds.
"""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

NAME = "tiny-random"
LAYERS = 3
_HIDDEN = 16
_END, _START, _PAD = "<|im_end|>", "<|im_start|>", "<|endoftext|>"
_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_tokenizer() -> Any:
    """Return a byte-level tokenizer: one token a byte, three special tokens, ChatML template."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=_END,
        pad_token=_PAD,
        additional_special_tokens=[_START],
        model_max_length=2_048,
    )
    tokenizer.chat_template = _CHAT_TEMPLATE
    return tokenizer


def tiny_model(tokenizer: Any, attention: str = "sdpa") -> LlamaForCausalLM:
    """Return the model, in fp32, equal bit for bit each time."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=_HIDDEN,
        intermediate_size=48,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=2_048,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        attn_implementation=attention,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
        with torch.no_grad():
            for name, parameter in sorted(model.named_parameters()):
                if parameter.ndim == 2:
                    parameter.normal_(std=0.35 if "embed" in name else 0.25)
            # The embedding is also the head. Feature 0 is large and positive in every state, so
            # its column is a bias of the logits: letters and the end of turn, seldom other bytes.
            bias = torch.full((len(tokenizer),), 1.0)
            likely = tokenizer.convert_tokens_to_ids([*"abcdefghijklmnopqrstuvwxyz", "Ġ"])
            bias[likely] = 2.0
            bias[tokenizer.eos_token_id] = 2.1
            model.get_input_embeddings().weight[:, 0] = bias
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    return model.eval()
