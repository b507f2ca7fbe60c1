"""Train both embedded judges and write their weights and docs/judge-card.md.

    python scripts/train_embedded_judge.py [--no-card]

Deterministic on one machine: one thread, fixed folds, no sampling that is not seeded.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import get_args

import torch
from embedded_judge import card, data
from embedded_judge.fit import Views, fit, recipes

from advgame.engines.embed import build_embedder
from advgame.judges.embedded.heads import Heads
from advgame.judges.embedded.stance import Style

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "src/advgame/judges/embedded/weights"


def examples(labels: list[data.Label], head: str) -> list[data.Label]:
    """What a head learns from: its labels, each also cut to the length of the game's replies."""
    if head == "quality":
        return data.quality(labels)
    if head == "topic":
        chosen = data.topic(labels) + [x for x in labels if x.head == head and not x.target]
    else:
        chosen = [x for x in labels if x.head == head]
    if head == "redirect":
        return chosen + data.stock(chosen)
    if head == "deflection":
        chosen = chosen + data.leaks(labels)
    if head == "objective":
        chosen = chosen + [replace(x, head=head, target=1) for x in data.leaks(labels)]
    short = [data.cut(x) for x in chosen if len(x.reply.split()) > data.CUT_WORDS]
    return chosen + short


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-card", action="store_true", help="weights only, no measurement")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    embedder = build_embedder("all-minilm-l6-v2")
    labels = data.human() + data.own()
    results = {}
    WEIGHTS.mkdir(exist_ok=True)
    for style in get_args(Style):
        views = Views(embedder, style)
        mine = [x for x in labels if x.half == style]
        heads = {n: fit(r, examples(mine, n), views) for n, r in recipes(style).items()}
        Heads(style=style, heads=heads).save(WEIGHTS / f"{style}.safetensors")
        if not arguments.no_card:
            results[style] = card.measure(style, labels, heads, examples, views)
    if not arguments.no_card:
        (ROOT / "docs").mkdir(exist_ok=True)
        (ROOT / "docs/judge-card.md").write_text(card.render(labels, results), encoding="utf-8")


if __name__ == "__main__":
    main()
