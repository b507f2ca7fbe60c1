"""Is it still language? Perplexity under the start model, variety, stock openings, topic.

A Defender that answers everything with one sentence has a low attack success. These figures show
such a collapse, which no rate of refusals does.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from advgame.game.check import Checked
from advgame.learn.forward import packed, token_logps
from advgame.learn.pack import micro_batches
from advgame.models.weights import PlayerWeights
from advgame.protocols import Embedder
from advgame.text import distinct_n, words
from advgame.types import Completion, Credited, Episode

OPENING_WORDS = 7


def language(
    requests: Sequence[str],
    completions: Sequence[Completion],
    weights: PlayerWeights,
    embedder: Embedder,
) -> dict[str, Any]:
    """Figures of a set of replies, one a request.

    Returns:
        perplexity: exp of the mean negative log-likelihood a token, under the set `start`.
        distinct_2: distinct bigrams over all bigrams of the set.
        stock_opening: share of replies that open with the commonest seven words.
        on_topic: mean cosine between request and reply.
        tokens: mean length.
    """
    texts = [each.text for each in completions]
    openings = Counter(" ".join(words(text)[:OPENING_WORDS]) for text in texts)
    rows = np.asarray(embedder.embed([*requests, *texts]))
    cosines = (rows[: len(requests)] * rows[len(requests) :]).sum(-1)
    return {
        "perplexity": perplexity(completions, weights),
        "distinct_2": distinct_n(texts, 2),
        "stock_opening": openings.most_common(1)[0][1] / len(texts) if texts else None,
        "on_topic": float(cosines.mean()) if len(cosines) else None,
        "tokens": sum(len(each.token_ids) for each in completions) / max(1, len(completions)),
    }


def of_plain(
    episodes: Sequence[Episode[Checked]], weights: PlayerWeights, embedder: Embedder
) -> dict[str, Any]:
    """`language` of what was replied to the seeds of `episodes`, asked plainly."""
    replies = [
        (episode.seed.text, reply.move.completion)
        for episode in episodes
        for reply in episode.branches[0].replies
        if reply.move.completion is not None
    ]
    requests, completions = [text for text, _ in replies], [said for _, said in replies]
    return language(requests, completions, weights, embedder)


@torch.no_grad()
def perplexity(completions: Sequence[Completion], weights: PlayerWeights) -> float | None:
    """exp(−mean log p) over all tokens of the completions under the weights of the start."""
    examples = [Credited(completion=each, advantage=0.0) for each in completions if each.trainable]
    if not examples:
        return None
    total, tokens = 0.0, 0
    for micro in micro_batches(examples, 2048, weights.device):
        with weights.use("start") as model, packed(model):
            found = token_logps(model, micro.pack).logps_T
        total += float(found.double().sum())
        tokens += found.numel()
    return math.exp(-total / tokens)
