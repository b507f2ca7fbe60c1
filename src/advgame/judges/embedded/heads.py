"""Light heads: standardised blocks, one linear layer, a sigmoid. numpy only.

    p = σ(w · (x − μ)/σ_x + b)

`μ`, `σ_x` apply to the `text` block; embeddings are unit vectors and stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import cast, get_args

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from advgame.errors import JudgeError
from advgame.judges.embedded.features import TEXT_FEATURES, Floats
from advgame.judges.embedded.stance import Style

SHIPPED = ("a", "b")
_NAMES = ("refusal", "deflection", "redirect", "harm", "objective", "topic", "quality")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One logistic head over some columns of a view."""

    blocks: tuple[str, ...]
    columns: tuple[int, ...]  # which text features, if it reads the block `text`
    mean: Floats  # [columns]
    scale: Floats  # [columns]
    weight: Floats  # [sum of block widths]
    bias: float

    def __call__(self, view: Mapping[str, Floats]) -> Floats:
        """Probabilities, `[rows]`. One row at a time, so that a row's value does not depend on
        the batch it came in."""
        rows = design(view, self.blocks, self.columns, self.mean, self.scale)
        logits = np.array([float((row * self.weight).sum()) + self.bias for row in rows])
        probabilities: Floats = (1 / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)
        return probabilities


def design(
    view: Mapping[str, Floats],
    blocks: tuple[str, ...],
    columns: tuple[int, ...],
    mean: Floats,
    scale: Floats,
) -> Floats:
    """Concatenate blocks, text features standardised, `[rows, width]`."""
    text = (view["text"][:, list(columns)] - mean) / scale
    parts = [text if block == "text" else view[block] for block in blocks]
    return np.concatenate(parts, axis=1, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The heads of one judge by name, and the style of the view they were trained on."""

    style: Style
    heads: Mapping[str, Head]

    def save(self, path: Path) -> None:
        """Write safetensors: tensors by `head.part`, the rest as JSON in the header."""
        tensors: dict[str, Floats] = {}
        layout: dict[str, object] = {}
        for name, head in self.heads.items():
            tensors |= {
                f"{name}.mean": head.mean,
                f"{name}.scale": head.scale,
                f"{name}.weight": head.weight,
                f"{name}.bias": np.array([head.bias], np.float32),
            }
            features = [TEXT_FEATURES[i] for i in head.columns]
            layout[name] = {"blocks": head.blocks, "features": features}
        save_file(tensors, path, metadata={"style": self.style, "layout": json.dumps(layout)})
        path.chmod(0o644)  # safetensors writes for the owner alone


def load(name_or_path: str) -> Heads:
    """Read a shipped judge's heads (`a`, `b`) or a file of one's own.

    Raises:
        JudgeError: no such judge, or the file is not one.
    """
    if name_or_path in SHIPPED:
        source = files("advgame.judges.embedded") / "weights" / f"{name_or_path}.safetensors"
    else:
        source = Path(name_or_path)
    if not source.is_file():
        raise JudgeError(
            f"embedded judge {name_or_path!r} not found: use one of {', '.join(SHIPPED)} "
            "or the path of a .safetensors file written by scripts/train_embedded_judge.py"
        )
    try:
        with safe_open(str(source), framework="numpy") as file:
            meta = file.metadata()
            layout = json.loads(meta["layout"])
            heads = {
                name: Head(
                    blocks=tuple(spec["blocks"]),
                    columns=tuple(TEXT_FEATURES.index(f) for f in spec["features"]),
                    mean=file.get_tensor(f"{name}.mean"),
                    scale=file.get_tensor(f"{name}.scale"),
                    weight=file.get_tensor(f"{name}.weight"),
                    bias=float(file.get_tensor(f"{name}.bias")[0]),
                )
                for name, spec in layout.items()
            }
            style = meta["style"]
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise JudgeError(f"embedded judge {name_or_path!r} cannot be read: {error}") from error
    if style not in get_args(Style):
        raise JudgeError(f"embedded judge {name_or_path!r}: no style {style!r} is known")
    if lacking := [name for name in _NAMES if name not in heads]:
        raise JudgeError(f"embedded judge {name_or_path!r} lacks heads: {', '.join(lacking)}")
    return Heads(style=cast(Style, style), heads=heads)
