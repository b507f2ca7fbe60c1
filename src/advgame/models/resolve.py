"""From a model's name to what `transformers` can load.

A name is, in this order: a packaged asset, a local folder, a name on the Hugging Face hub.
Importing this module loads neither torch nor transformers.
"""

from __future__ import annotations

import difflib
import re
import shutil
import tempfile
from pathlib import Path

from advgame import assets
from advgame.errors import ModelError
from advgame.models.quiet import quiet
from advgame.paths import expanded
from advgame.store.atomic import reporting

_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


def resolve(name: str) -> Path | str:
    """Return a Hugging Face folder, or a name to ask the hub for.

    A packaged GGUF file is converted to a folder (safetensors in float32, tokenizer with its chat
    template) once, in the cache; two processes that need it at once convert it once.

    Raises:
        ModelError: the name is neither an asset, nor a model folder, nor a possible hub name.
        AssetError: the packaged asset cannot be had.
        StoreError: the disk has no room for the converted model.
    """
    check_name(name)
    if assets.is_asset(name):
        return _converted(name)
    folder = expanded(name)
    return folder if folder.is_dir() else name


def check_name(name: str) -> None:
    """Refuse what no model can be loaded by, as far as can be told without loading or a network.

    Raises:
        ModelError: the name is that of a data set, or neither an asset, nor a model folder, nor a
            possible hub name.
    """
    if assets.is_asset(name):
        asset = assets.ASSETS.get(name)
        if asset is not None and asset.kind == "data":
            raise ModelError(f"model {name!r}: is a packaged data set; see advgame assets list")
        return
    folder = expanded(name)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"model {name!r}: the folder has no config.json; give a model's folder"
            )
        return
    if folder.exists():
        raise ModelError(f"model {name!r}: is a file; give the folder that holds config.json")
    if name.startswith((".", "/", "~")) or not _HUB_NAME.fullmatch(name):
        raise ModelError(
            f"model {name!r}: no such folder; give a packaged name (advgame assets list), "
            "a model's folder or a hub name"
        )
    near = difflib.get_close_matches(name, assets.names(), n=1, cutoff=0.85)
    if near:  # a slip, most likely: say so now rather than after asking the hub in vain
        raise ModelError(f"model {name!r}: not packaged; did you mean {near[0]!r}?")


def _converted(name: str) -> Path:
    """Return the folder of a packaged model, converting its GGUF file at the first use."""
    from filelock import FileLock

    target = assets.cache_dir() / "models" / name
    if target.is_dir():
        return target
    source = assets.path(name)
    if (source / "config.json").is_file():
        return source
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if not target.is_dir():
            part = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=target.parent))
            try:
                with reporting(target), quiet():
                    _convert(source, part)
                part.chmod(0o755)
                part.rename(target)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    return target


def _convert(gguf: Path, folder: Path) -> None:
    """Write the weights of `gguf` as safetensors, with its tokenizer, into `folder`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    AutoTokenizer.from_pretrained(**where).save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    # The weights are plain floats by now; the mark that they came quantized would forbid saving.
    del model.config.quantization_config
    model.hf_quantizer = None
    model.save_pretrained(folder)
