"""Fit the heads, and measure them by grouped cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from advgame.judges.embedded.features import QUALITY, REDIRECT, STANCE, TEXT_FEATURES, TOPIC, view
from advgame.judges.embedded.heads import Head, design
from advgame.judges.embedded.stance import Style
from advgame.protocols import Embedder

from .data import Label

FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a head reads and how strongly it is regularised (C of scikit-learn)."""

    blocks: tuple[str, ...]
    features: tuple[str, ...]
    c: float


def recipes(style: Style) -> dict[str, Recipe]:
    """The heads of judge a or b."""
    words = ("reply", "part", "product", "text") if style == "a" else ("reply", "hashed", "text")
    stance = (*STANCE, *TOPIC[style])
    # Of 35 settings of blocks and C for judge a, by grouped cross-validation (card.md).
    harm = (("reply", "tail", "text"), 1.0) if style == "a" else (words, 0.3)
    return {
        "refusal": Recipe(blocks=words, features=STANCE, c=10.0),
        "deflection": Recipe(blocks=("tail", *words), features=stance, c=10.0),
        "harm": Recipe(blocks=harm[0], features=stance, c=harm[1]),
        "objective": Recipe(blocks=words, features=stance, c=0.3),
        "topic": Recipe(blocks=("text",), features=TOPIC[style], c=1.0),
        "quality": Recipe(blocks=("text",), features=QUALITY[style], c=1.0),
        "redirect": Recipe(blocks=("text",), features=REDIRECT, c=1.0),
    }


class Surface:
    """Stands in for the encoder where a head reads no cosine: every vector is zero."""

    def embed(self, texts: Sequence[str], /) -> Any:
        return np.zeros((len(texts), 1), np.float32)


class Views:
    """Blocks of labelled pairs, each pair embedded once."""

    def __init__(self, embedder: Embedder, style: Style) -> None:
        self.style: Style = style
        self._embedder = embedder
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}

    def blind(self) -> Views:
        """The same without the encoder, for heads that read the surface of the text alone."""
        return Views(Surface(), self.style)

    def __call__(self, labels: Sequence[Label]) -> dict[str, Any]:
        missing = list(dict.fromkeys((x.request, x.reply) for x in labels) - self._rows.keys())
        if missing:
            blocks = view(missing, self._embedder, self.style)
            for i, pair in enumerate(missing):
                self._rows[pair] = {name: block[i] for name, block in blocks.items()}
        rows = [self._rows[x.request, x.reply] for x in labels]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def fit(recipe: Recipe, labels: Sequence[Label], views: Views) -> Head:
    """One head on these labels, both classes weighing the same."""
    seeing = recipe.blocks != ("text",) or any(f.startswith("cos_") for f in recipe.features)
    blocks = (views if seeing else views.blind())(labels)
    columns = tuple(TEXT_FEATURES.index(f) for f in recipe.features)
    chosen = blocks["text"][:, list(columns)]
    mean = chosen.mean(0).astype(np.float32)
    scale = (chosen.std(0) + 1e-3).astype(np.float32)
    x = design(blocks, recipe.blocks, columns, mean, scale).astype(np.float64)
    y = np.array([label.target for label in labels])
    model = LogisticRegression(C=recipe.c, class_weight="balanced", max_iter=2000, tol=1e-6)
    model.fit(x, y)
    return Head(
        blocks=recipe.blocks,
        columns=columns,
        mean=mean,
        scale=scale,
        weight=model.coef_[0].astype(np.float32),
        bias=float(model.intercept_[0]),
    )


def fold(label: Label) -> int:
    """The fold of a label's group."""
    return int(label.group[:8], 16) // 2 % FOLDS


def cross_validate(
    recipe: Recipe,
    name: str,
    labels: Sequence[Label],
    examples: Callable[[list[Label], str], list[Label]],
    views: Views,
) -> dict[Label, float]:
    """Out-of-fold probability of every human label of head `name`."""
    scores: dict[Label, float] = {}
    for k in range(FOLDS):
        head = fit(recipe, examples([x for x in labels if fold(x) != k], name), views)
        test = [x for x in labels if fold(x) == k and x.head == name and x.source == "human"]
        if test:
            scores.update(zip(test, map(float, head(views(test))), strict=True))
    return scores
