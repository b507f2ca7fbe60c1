"""Token log-probs of a pack under one weight set, through any decoder-only transformers model.

The frozen part of a network gives the same states whoever's adapters are on above it, so a pass can
hand over the states at a layer (`captured`) and another can start from them (`resumed`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from advgame.errors import ModelError
from advgame.learn.attention import NAME
from advgame.learn.pack import Pack, pack
from advgame.losses.logprobs import linear_logprobs
from advgame.models.lora import fused_forwards, patched
from advgame.types import Completion, Finish


@dataclass(frozen=True, slots=True, eq=False)
class TokenLogProbs:
    """What a pass says of the completion tokens."""

    logps_T: Tensor
    entropy_T: Tensor
    captured: Any
    """Output of the layer below `capture`, or None."""


@contextmanager
def packed(model: nn.Module) -> Iterator[None]:
    """Let `model` attend by layout, and compute plain LoRA layers fused, inside the context.

    The backward pass belongs inside too: activation checkpointing runs the forward pass again.
    transformers builds no mask for an attention function that registers none.
    """
    config: Any = model.config
    before = config._attn_implementation
    config._attn_implementation = NAME
    try:
        with patched(fused_forwards(model)):
            yield
    finally:
        config._attn_implementation = before


def token_logps(
    model: nn.Module,
    pack: Pack,
    *,
    entropy_grad: bool = False,
    capture: int = 0,
    resume: Any = None,
    checkpointing: bool = False,
) -> TokenLogProbs:
    """Run `pack` through `model`, which must be inside `packed(model)`.

    Args:
        model: a causal LM.
        pack: N tokens, T of them predicted.
        entropy_grad: whether the entropy needs a gradient.
        capture: a layer index; what enters it is returned too (0: nothing is).
        resume: such a capture from another pass: layers below `capture` are not run.
        checkpointing: recompute the layers from `capture` on in the backward pass.
    """
    decoder, head = _parts(model)
    layers: Any = decoder.layers
    kept: list[Any] = []
    patches: dict[nn.Module, Callable[..., Any]] = {}
    if capture and resume is not None:
        patches |= dict.fromkeys(layers[: capture - 1], _pass_through)
        patches[layers[capture - 1]] = lambda *_args, **_kwargs: resume
    elif capture:
        patches[layers[capture - 1]] = _keeping(layers[capture - 1].forward, kept)
    if checkpointing and torch.is_grad_enabled():
        for layer in layers[capture:]:
            patches[layer] = partial(checkpoint, layer.forward, use_reentrant=False)
    with patched(patches):
        states = decoder(
            input_ids=pack.input_ids,
            position_ids=pack.position_ids,
            use_cache=False,
            packing=pack.layout,
        ).last_hidden_state[0]
    logps_T, entropy_T = linear_logprobs(
        states.index_select(0, pack.source_T),
        head.weight,
        pack.target_T,
        bias_V=head.bias,
        entropy_grad=entropy_grad,
    )
    return TokenLogProbs(logps_T, entropy_T, kept[0] if kept else resume)


@torch.no_grad()
def check_supported(model: nn.Module) -> None:
    """Compare packed log-probs, and what the head alone makes of states, with the model's own.

    Raises:
        ModelError: the architecture computes something the packed pass does not (soft-capped
            logits, another attention): it would train on wrong numbers.
    """
    vocabulary: int = model.get_input_embeddings().num_embeddings  # type: ignore[operator]
    prompt = tuple(number % vocabulary for number in range(3, 15))
    probes = [
        Completion(
            prompt_ids=prompt,
            token_ids=tuple(number % vocabulary for number in ids),
            logprobs=None,
            text="",
            finish=Finish.STOP,
            policy_version=0,
        )
        for ids in ((5, 6, 7), (8, 9))
    ]
    decoder, head = _parts(model)
    probe = pack(probes, next(model.parameters()).device)
    with packed(model):
        lengths = [len(one.token_ids) for one in probes]
        ours = torch.split(token_logps(model, probe).logps_T, lengths)
    for one, got in zip(probes, ours, strict=True):
        row = probe.input_ids.new_tensor([one.prompt_ids + one.token_ids])
        whole = model(input_ids=row, use_cache=False).logits
        # By itself: in bfloat16 a cap may lie within what packing may be off.
        plain = head(decoder(input_ids=row, use_cache=False).last_hidden_state)
        logits = whole[0, len(prompt) - 1 : -1]
        want = logits.float().log_softmax(-1).gather(1, row[0, len(prompt) :, None])[:, 0]
        tolerance = 1e-3 if logits.dtype == torch.float32 else 0.25
        alike = torch.allclose(plain.float(), whole.float(), atol=1e-3, rtol=1e-2)
        if not (alike and torch.allclose(got, want, atol=tolerance, rtol=tolerance)):
            raise ModelError(
                f"{type(model).__name__} cannot be trained here: its log-probs do not follow from "
                "plain causal attention and a linear head; use a Llama- or Qwen-like model"
            )


def _parts(model: Any) -> tuple[nn.Module, nn.Linear]:
    """Return the decoder and the output head."""
    decoder, head = model.get_decoder(), model.get_output_embeddings()
    if type(head) is not nn.Linear or not hasattr(decoder, "layers"):
        raise ModelError(
            f"{type(model).__name__} cannot be trained here: it needs decoder.layers and a plain "
            "linear head (no adapter on it)"
        )
    return decoder, head


def _pass_through(hidden_states: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
    return hidden_states


def _keeping(forward: Callable[..., Any], kept: list[Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        out = forward(*args, **kwargs)
        kept.append(out)
        return out

    return run
