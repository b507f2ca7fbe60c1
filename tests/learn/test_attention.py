"""Attention by stacks of tiles against one masked softmax over the whole pack."""

import random

import numpy as np
import pytest
import torch
from training import ids

from advgame.learn.attention import packed_attention
from advgame.learn.layout import QUERIES, layout_of
from advgame.learn.tree import Tree

CPU = torch.device("cpu")
TREES = {
    "one sequence": [[9]],
    "shared prompts": [[20, 5], [20, 5], [20, 7], [20, 1]],
    "longer than a tile": [[2 * QUERIES + 9, 30], [2 * QUERIES + 9, QUERIES + 1]],
    "of all lengths": [[10, n] for n in (1, 2, 3, 40, 90, 91, 200)] + [[33]],
}


def tree_of(shapes) -> Tree:
    """Sequences of an opening, the same for those of one length, and an ending of their own."""
    openings = {opening: ids(random.Random(opening), opening) for opening, *_ in shapes}
    rng, tree = random.Random(0), Tree()
    for opening, *rest in shapes:
        tree.add(openings[opening] + ids(rng, sum(rest)))
    return tree


def visible(tree: Tree) -> torch.Tensor:
    """[N, N]: who sees whom, token by token."""
    seen = torch.zeros(tree.tokens, tree.tokens, dtype=torch.bool)
    for run in tree.runs:
        for place in range(run.start, run.stop):
            path = run.path.tolist()
            seen[place, path[: path.index(place) + 1]] = True
    return seen


@pytest.mark.parametrize("shapes", TREES.values(), ids=list(TREES))
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_out_and_gradients_are_those_of_one_masked_softmax(shapes, kv_heads):
    torch.manual_seed(0)
    tree = tree_of(shapes)
    wanted = {"dtype": torch.float64, "requires_grad": True}
    q = torch.randn(1, 4, tree.tokens, 8, **wanted)
    k, v = (torch.randn(1, kv_heads, tree.tokens, 8, **wanted) for _ in range(2))
    factors = torch.randn(1, tree.tokens, 4, 8, dtype=torch.float64)
    many_k, many_v = (x.repeat_interleave(4 // kv_heads, 1) for x in (k, v))
    scores = (q @ many_k.transpose(-1, -2) * 0.3).masked_fill(~visible(tree), float("-inf"))
    want = (scores.softmax(-1) @ many_v).transpose(1, 2)
    got, _ = packed_attention(
        torch.nn.Identity(), q, k, v, None, packing=layout_of(tree, CPU), scaling=0.3
    )
    torch.testing.assert_close(got, want)
    for one, other in zip(
        torch.autograd.grad((got * factors).sum(), (q, k, v)),
        torch.autograd.grad((want * factors).sum(), (q, k, v)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("shapes", TREES.values(), ids=list(TREES))
def test_every_token_asks_once_and_sees_its_path(shapes):
    tree = tree_of(shapes)
    layout = layout_of(tree, CPU)
    places = torch.cat([stack.queries.flatten() for stack in layout.stacks])
    assert torch.equal(places[layout.place], torch.arange(tree.tokens))
    for stack in layout.stacks:
        real = torch.ones_like(stack.queries) if stack.padding is None else ~stack.padding
        seen = (stack.bias[:, 0] == 0).sum(-1)
        positions = torch.from_numpy(tree.positions())[stack.queries]
        assert torch.equal(seen[real.bool()], positions[real.bool()] + 1)
        assert bool((seen > 0).all())  # a softmax over nothing would be NaN


def test_replies_of_a_step_take_few_products_and_little_padding():
    """Two dozen replies of 23 tokens to prompts of 40 to 60: what a `laptop` step has."""
    rng = random.Random(0)
    prompts = [ids(rng, length) for length in range(40, 60, 2) for _ in range(2)]
    tree = Tree()
    for prompt in prompts:
        for _ in range(2):
            tree.add(prompt + ids(rng, 23))
    stacks = layout_of(tree, CPU).stacks
    assert len(tree.runs) == 40 and len(stacks) <= 4
    held = sum(stack.bias.numel() for stack in stacks)
    needed = sum((run.stop - run.start) * len(run.path) for run in tree.runs)
    assert held <= 1.5 * needed + 4_096 * len(stacks)


def test_a_long_run_holds_no_square_of_scores():
    tree = Tree()
    tree.add(np.arange(3, 3 + 20 * QUERIES))
    layout = layout_of(tree, CPU)
    assert max(stack.bias.numel() for stack in layout.stacks) <= 1 << 20
    assert sum(stack.bias.numel() for stack in layout.stacks) < 0.75 * tree.tokens**2
