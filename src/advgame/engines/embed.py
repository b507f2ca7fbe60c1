"""Sentence embeddings in this process: all-MiniLM-L6-v2 or any BERT encoder with mean pooling.

    e(x) = mean of the last hidden states over the tokens of x, scaled to length 1

(Reimers & Gurevych 2019, Sentence-BERT). torch is imported when the first text is embedded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advgame.errors import ModelError
from advgame.hub import options
from advgame.models.quiet import quiet
from advgame.paths import expanded
from advgame.types import Cost

MAX_TOKENS = 256  # the length the encoder was trained with; longer texts are cut
CACHED_TEXTS = 20_000  # 384 floats each: about 30 MB


class MiniLM:
    """A sentence encoder. Implements `advgame.protocols.Embedder`.

    Texts are encoded one at a time. Padding and batch shape change the last bits of a row, so a
    resumed run with an empty cache would otherwise not be bit-identical; for texts as short as
    replies it costs about half as much again on a CPU. Vectors are kept for texts seen lately:
    a judge asks for the same request once a reply.

        >>> MiniLM("folder").embed(["A cat sat.", "A dog ran."]).shape  # doctest: +SKIP
        (2, 384)
    """

    def __init__(self, path_or_name: str | Path, *, cached: int = CACHED_TEXTS) -> None:
        self._source = path_or_name
        self._cached = cached
        self._cache: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()
        self._loaded: tuple[Any, Any] | None = None

    def embed(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        """Return unit rows `[len(texts), dim]`, float32.

        Raises:
            ModelError: the encoder cannot be loaded.
        """
        with self._lock:
            rows = [self._row(text) for text in texts]
            while len(self._cache) > self._cached:
                self._cache.popitem(last=False)
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32)

    def cost(self, texts: Sequence[str], /) -> Cost:
        """Return what encoding `texts` takes, counted from shapes, as if none were cached.

        A layer of width h with feed-forward width f does 2(4h² + 2hf) operations a token in its
        matrices, and 4nh in attention over n tokens.

        Raises:
            ModelError: the encoder cannot be loaded.
        """
        tokenizer, model = self.load()
        shape = model.config
        h, f = shape.hidden_size, shape.intermediate_size
        lengths = [
            len(ids)
            for ids in tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS).input_ids
        ]
        flops = sum(n * (2 * (4 * h * h + 2 * h * f) + 4 * n * h) for n in lengths)
        return Cost(judge_tokens=sum(lengths), flops=flops * shape.num_hidden_layers)

    def _row(self, text: str) -> NDArray[np.float32]:
        """One unit row `[dim]`, from the cache if it is there."""
        if text not in self._cache:
            self._cache[text] = self._encode(text)
        self._cache.move_to_end(text)
        return self._cache[text]

    def _encode(self, text: str) -> NDArray[np.float32]:
        import torch

        tokenizer, model = self.load()
        inputs = tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            mean = model(**inputs).last_hidden_state[0].mean(0)  # [tokens, dim] → [dim]
            unit: NDArray[np.float32] = torch.nn.functional.normalize(mean, dim=-1).numpy()
        return unit

    def load(self) -> tuple[Any, Any]:
        """Return the tokenizer and the encoder, loaded once.

        Raises:
            ModelError: they cannot be loaded.
        """
        if self._loaded is None:
            import torch
            from transformers import AutoModel, AutoTokenizer

            where = options(self._source)
            try:
                with quiet():
                    tokenizer = AutoTokenizer.from_pretrained(**where)
                    model = AutoModel.from_pretrained(
                        **where, dtype=torch.float32, use_safetensors=True
                    )
            except (MemoryError, torch.OutOfMemoryError):
                raise
            except Exception as error:  # tokenizers and safetensors raise errors of every class
                raise ModelError(
                    f"sentence encoder {str(self._source)!r} cannot be loaded: "
                    f"{(str(error) or type(error).__name__).splitlines()[0]} "
                    "Name a packaged asset, a local folder or a hub model with safetensors."
                ) from error
            self._loaded = tokenizer, model.eval()
        return self._loaded


def build_embedder(name: str) -> MiniLM:
    """Return the encoder called `name`, loaded: a packaged asset, a local folder or a hub name.

    Raises:
        AssetError: the packaged asset cannot be had.
        ModelError: it cannot be loaded. Better now than in the middle of the first round.
    """
    from advgame import assets

    folder = expanded(name)
    known = assets.path(name) if assets.is_asset(name) else folder if folder.is_dir() else name
    encoder = MiniLM(known)
    encoder.load()
    return encoder
