"""One network in memory: a causal LM, its tokenizer, and the lock that guards both."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch
from jinja2 import TemplateError
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from advgame.errors import ModelError
from advgame.hub import options
from advgame.models import attention, tiny
from advgame.models.quiet import quiet
from advgame.models.resolve import resolve

DtypeName: TypeAlias = Literal["auto", "float32", "bfloat16"]
DeviceName: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A causal LM in eval mode. All its own parameters are frozen when it is loaded."""

    name: str
    model: nn.Module
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    lock: threading.RLock = field(default_factory=threading.RLock)  # one weight set at a time

    def describe(self) -> str:
        """Name, dtype and device, for the user."""
        return f"{self.name}, {str(self.dtype).removeprefix('torch.')} on {self.device}"


def load_network(name: str, dtype: DtypeName = "auto", device: DeviceName = "auto") -> Network:
    """Load a model and its tokenizer by name (see `resolve`), attending by `models.attention`.

    Raises:
        ModelError: not found, no network, unknown architecture, or no chat template.
        AssetError: the packaged asset cannot be had.
    """
    place = pick_device(device)
    number = pick_dtype(dtype, place)
    tokenizer = load_tokenizer(name)
    model = load_model(name, number, place)
    return Network(name=name, model=model, tokenizer=tokenizer, device=place, dtype=number)


def pick_device(name: DeviceName) -> torch.device:
    """Return the device asked for; auto is cuda, then mps, then cpu.

    Raises:
        ModelError: this machine does not have it.
    """
    usable = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if usable[kind])
    if not usable[name]:
        raise ModelError(f"device {name!r}: not available on this machine; use device=auto or cpu")
    return torch.device(name)


def pick_dtype(name: DtypeName, device: torch.device) -> torch.dtype:
    """Return the dtype asked for; auto is bfloat16 where the hardware multiplies it fast."""
    if name == "auto":
        fast = device.type == "cuda" or (device.type == "cpu" and _multiplies_bfloat16())
        return torch.bfloat16 if fast else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


def _multiplies_bfloat16() -> bool:
    """Whether this CPU has AMX tiles the kernel lets us use, or AVX512-BF16 (measured: 4x the
    float32 rate). Without either, bfloat16 is emulated and slower than float32."""
    cpu: Any = torch.cpu
    if cpu._is_amx_tile_supported() and cpu._init_amx():
        return True
    return bool(cpu._is_avx512_bf16_supported())


def load_tokenizer(name: str) -> Any:
    """Load a tokenizer by its model's name.

    Raises:
        ModelError: it cannot be loaded or has no chat template.
    """
    if name == tiny.NAME:
        return tiny.tiny_tokenizer()
    where = resolve(name)
    try:
        # First: the tokenizer would report an unknown architecture as a fault of its own.
        config = AutoConfig.from_pretrained(**options(where))
        tokenizer = AutoTokenizer.from_pretrained(**options(where), config=config)
    except Exception as error:  # the tokenizers library raises nothing more precise
        raise _explained(name, error) from error
    if not tokenizer.chat_template:
        raise ModelError(
            f"model {name!r}: its tokenizer has no chat template; use an instruction-tuned model"
        )
    try:
        tokenizer.apply_chat_template([{"role": "user", "content": "Hello"}], tokenize=False)
    except TemplateError as error:
        raise ModelError(f"model {name!r}: its chat template is broken ({error})") from error
    return tokenizer


def load_model(name: str, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """Load a causal LM by name: frozen, in eval mode.

    Raises:
        ModelError: it cannot be loaded.
    """
    model: nn.Module
    if name == tiny.NAME:
        model = tiny.tiny_model(tiny.tiny_tokenizer(), attention.NAME).to(dtype)
    else:
        where = resolve(name)
        try:
            with quiet():
                model, loaded = AutoModelForCausalLM.from_pretrained(
                    **options(where),
                    dtype=dtype,
                    attn_implementation=attention.NAME,
                    use_safetensors=True,  # other formats are pickles
                    output_loading_info=True,
                )
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # safetensors and transformers raise errors of every class
            raise _explained(name, error) from error
        if missing := sorted(loaded["missing_keys"]):
            raise ModelError(
                f"model {name!r}: its weights lack {len(missing)} tensors of a causal language "
                f"model, the first is {missing[0]}; give the folder of a complete one"
            )
    return model.to(device).eval().requires_grad_(False)


def _explained(name: str, error: Exception) -> ModelError:
    """Say in one line why a model cannot be loaded."""
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    text = str(error)
    if "model type" in text or "Unrecognized" in text:
        why = "its architecture is not known to this version of transformers"
    elif "gated" in text or "401" in text or "403" in text:
        why = "the hub refuses access; accept the model's terms there and log in (hf auth login)"
    elif "connect" in text or "offline" in text or "resolve" in text:
        why = (
            "not a packaged name or a local folder, and the Hugging Face hub cannot be reached; "
            "see advgame assets list"
        )
    elif "not a valid model identifier" in text or "404" in text:
        why = "neither packaged, nor a local folder, nor on the Hugging Face hub"
    elif "mismatched_sizes" in text:
        why = "its weights do not have the shapes that its config.json says"
    elif "trust_remote_code" in text:
        why = "it comes with code of its own, which advgame does not run; use another model"
    else:
        why = f"cannot be loaded ({type(error).__name__}: {first.strip()}); is a file damaged?"
    return ModelError(f"model {name!r}: {why}")
