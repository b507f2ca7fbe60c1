"""Examples → micro-batches: packed, no padding, everything shared computed once.

A micro-batch is one prefix tree of at most `limit` tokens (a single example may exceed it), its
completions each listed once however many examples they stand in. The last token of a completion
predicts nothing and is not forwarded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from advgame.learn.layout import Layout, layout_of
from advgame.learn.tree import Tree
from advgame.losses.objective import CreditedBatch, PairBatch
from advgame.types import Completion, Credited, Example, Pair


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Completions in one packed row of N tokens; T completion tokens are predicted."""

    completions: tuple[Completion, ...]
    input_ids: Tensor
    """int64 [1, N]"""
    position_ids: Tensor
    """int64 [1, N]"""
    source_T: Tensor
    """Where in the row each completion token is predicted from."""
    target_T: Tensor
    """The completion tokens, one completion after another."""
    layout: Layout
    unpacked_tokens: int
    """What N would be with every completion after its own copy of the prompt."""

    @property
    def tokens(self) -> int:
        """N: tokens forwarded. None of them is padding."""
        return self.input_ids.shape[1]


@dataclass(frozen=True, slots=True, eq=False)
class MicroBatch:
    """What one forward and backward pass works on."""

    examples: tuple[Example, ...]
    pack: Pack
    batch: PairBatch | CreditedBatch


def micro_batches(
    examples: Sequence[Example], limit: int, device: torch.device
) -> Iterator[MicroBatch]:
    """Cut `examples` into micro-batches of at most `limit` tokens each.

    Examples of one prompt stay together where they fit. All examples are pairs or all are
    credited completions.

    Raises:
        ValueError: an example holds no tokens, or the kinds are mixed.
    """
    if len({type(example) for example in examples}) != 1:
        raise ValueError("a batch holds pairs or credited completions, not both")
    by_prompt: dict[tuple[int, ...], list[Example]] = {}
    for example in examples:
        by_prompt.setdefault(_completions(example)[0].prompt_ids, []).append(example)

    tree, chosen = Tree(), list[Example]()
    for group in by_prompt.values():
        if chosen and _overflows(tree, group, limit) and not _overflows(Tree(), group, limit):
            yield _micro_batch(chosen, device)
            tree, chosen = Tree(), []
        for example in group:
            if chosen and _overflows(tree, [example], limit):
                yield _micro_batch(chosen, device)
                tree, chosen = Tree(), []
            for completion in _completions(example):
                tree.add(_forwarded(completion))
            chosen.append(example)
    yield _micro_batch(chosen, device)


def pack(completions: Sequence[Completion], device: torch.device) -> Pack:
    """Lay `completions` out in one row.

    Raises:
        ValueError: one has no prompt or no tokens.
    """
    tree = Tree()
    sources = []
    for completion in completions:
        if not completion.prompt_ids or not completion.token_ids:
            raise ValueError("a completion without token ids cannot be trained on")
        path = tree.add(_forwarded(completion))
        sources.append(path[len(completion.prompt_ids) - 1 :])
    targets = [np.asarray(completion.token_ids, dtype=np.int64) for completion in completions]

    def tensor(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(device)

    return Pack(
        completions=tuple(completions),
        input_ids=tensor(tree.input_ids())[None],
        position_ids=tensor(tree.positions())[None],
        source_T=tensor(np.concatenate(sources)),
        target_T=tensor(np.concatenate(targets)),
        layout=layout_of(tree, device),
        unpacked_tokens=sum(len(_forwarded(one)) for one in completions),
    )


def _completions(example: Example) -> tuple[Completion, ...]:
    match example:
        case Pair():
            return example.chosen, example.rejected
        case Credited():
            return (example.completion,)


def _forwarded(completion: Completion) -> tuple[int, ...]:
    return completion.prompt_ids + completion.token_ids[:-1]


def _overflows(tree: Tree, examples: Sequence[Example], limit: int) -> bool:
    """Whether adding `examples` would take the tree past `limit`; the tree is left as it is."""
    probe = tree.fork()
    for example in examples:
        for completion in _completions(example):
            probe.add(_forwarded(completion))
    return probe.tokens > limit


def _micro_batch(examples: Sequence[Example], device: torch.device) -> MicroBatch:
    index = {
        completion: number
        for number, completion in enumerate(
            dict.fromkeys(one for example in examples for one in _completions(example))
        )
    }
    packed = pack(tuple(index), device)
    return MicroBatch(tuple(examples), packed, _batch(examples, index, packed))


def _batch(
    examples: Sequence[Example], index: dict[Completion, int], packed: Pack
) -> PairBatch | CreditedBatch:
    device = packed.input_ids.device
    lengths = [len(completion.token_ids) for completion in index]
    owner_T = torch.repeat_interleave(torch.tensor(lengths)).to(device)
    lengths_C = torch.tensor(lengths, dtype=torch.float32, device=device)
    weight_E = torch.tensor([one.weight for one in examples], dtype=torch.float32, device=device)
    pairs = [example for example in examples if isinstance(example, Pair)]
    if pairs:
        return PairBatch(
            owner_T=owner_T,
            lengths_C=lengths_C,
            chosen_E=torch.tensor([index[pair.chosen] for pair in pairs], device=device),
            rejected_E=torch.tensor([index[pair.rejected] for pair in pairs], device=device),
            weight_E=weight_E,
        )
    credited = [example for example in examples if isinstance(example, Credited)]
    return CreditedBatch(
        owner_T=owner_T,
        lengths_C=lengths_C,
        completion_E=torch.tensor([index[one.completion] for one in credited], device=device),
        advantage_E=torch.tensor([one.advantage for one in credited], device=device),
        weight_E=weight_E,
        sampler_logps_T=recorded_logps(tuple(index), device),
    )


def recorded_logps(completions: Sequence[Completion], device: torch.device) -> Tensor:
    """Return the sampler's log-probs of all completion tokens, float32 [T]; NaN where unknown."""
    values = [
        value
        for one in completions
        for value in (one.logprobs or (float("nan"),) * len(one.token_ids))
    ]
    return torch.tensor(values, dtype=torch.float32, device=device)
