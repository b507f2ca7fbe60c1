"""Keys and values of a wave, and attention over them.

Shapes: G prompts, R replies, H query heads in K key-value heads, P the longest prompt, T tokens
fed so far, d the width of a head. A prompt's keys and values are held once, however many replies
it has; a reply holds those of its own tokens only:

    prompt  [G, K, P, d]   filled once, masked beyond each prompt's length
    own     [R, K, ≥T, d]  grows by one position a step, the same position for all rows

A query's scores over both parts go through one softmax; the outputs of the parts add up.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

_GROWTH = 32  # positions by which the own part grows


class Stem:
    """Keys and values of tokens that several prompts begin with, `[1, K, S, d]` a layer."""

    def __init__(self) -> None:
        self.k: list[torch.Tensor] = []
        self.v: list[torch.Tensor] = []

    def __call__(
        self, _layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, /
    ) -> torch.Tensor:
        """Attend causally and keep `k` and `v`."""
        self.k.append(k)
        self.v.append(v)
        return _causal(q, k, v, scale)


class Prompts:
    """Keys and values of the prompts of a wave, all but each one's last token."""

    def __init__(self, lengths: Sequence[int], layers: int, device: torch.device) -> None:
        """Plan for prompts of `lengths` tokens, their last one not counted; each at least 1."""
        self.lengths = torch.tensor(lengths, device=device)
        self.longest = max(lengths)
        self.k: list[torch.Tensor | None] = [None] * layers
        self.v: list[torch.Tensor | None] = [None] * layers


class Prefill:
    """One pass over what some prompts have after their common stem, right-padded.

    Attention is causal, so a prompt's tokens never see the padding behind them; the keys and
    values computed for padding lie beyond the prompt's length, where nobody looks.
    """

    def __init__(self, prompts: Prompts, groups: Sequence[int], stem: Stem) -> None:
        self._prompts = prompts
        self._groups = torch.tensor(groups, device=prompts.lengths.device)
        self._stem = stem

    def __call__(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, /
    ) -> torch.Tensor:
        """Attend to stem and prompt, and store both in `prompts`."""
        if self._stem.k:
            rows = k.shape[0]
            k = torch.cat((self._stem.k[layer].expand(rows, -1, -1, -1), k), dim=2)
            v = torch.cat((self._stem.v[layer].expand(rows, -1, -1, -1), v), dim=2)
        self._store(self._prompts.k, layer, k)
        self._store(self._prompts.v, layer, v)
        return _causal(q, k, v, scale)

    def _store(self, kept: list[torch.Tensor | None], layer: int, new: torch.Tensor) -> None:
        target = kept[layer]
        if target is None:
            prompts = self._prompts
            shape = (len(prompts.lengths), new.shape[1], prompts.longest, new.shape[3])
            target = kept[layer] = new.new_zeros(shape)
        target[self._groups, :, : new.shape[2]] = new


class Replies:
    """Keys and values of replies in the making; attends one new token a row."""

    def __init__(self, prompts: Prompts, group_of: Sequence[int]) -> None:
        """Start with no own tokens. `group_of[r]` is the prompt of row r."""
        self.length = 0
        self._prompt_k = [k for k in prompts.k if k is not None]
        self._prompt_v = [v for v in prompts.v if v is not None]
        self._lengths = prompts.lengths
        self._own_k: list[torch.Tensor] = []
        self._own_v: list[torch.Tensor] = []
        self._arrange(torch.tensor(group_of, device=prompts.lengths.device))

    def positions(self) -> torch.Tensor:
        """Return the position of each row's next token, `[R, 1]`."""
        return (self._lengths[self._group_of] + self.length)[:, None]

    def advance(self) -> None:
        """Count the token that all layers have just attended from."""
        self.length += 1

    def keep(self, rows: torch.Tensor) -> None:
        """Drop all rows but `rows`, and the prompts that no row needs any more."""
        group_of = self._group_of[rows]
        live, renamed = torch.unique(group_of, return_inverse=True)
        if len(live) < len(self._lengths):
            self._lengths = self._lengths[live]
            for kept in (self._prompt_k, self._prompt_v):
                kept[:] = [tensor[live] for tensor in kept]
        for kept in (self._own_k, self._own_v):
            kept[:] = [tensor[rows] for tensor in kept]
        self._arrange(renamed)

    def __call__(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, /
    ) -> torch.Tensor:
        """Attend from one new token a row: `q [R, H, 1, d]` → `[R, 1, H, d]`."""
        own_k = self._append(self._own_k, layer, k)
        own_v = self._append(self._own_v, layer, v)
        rows, heads, _, width = q.shape
        folds, share = k.shape[1], heads // k.shape[1]
        q = q.reshape(rows, folds, share, width) * scale
        prompt_k, prompt_v = self._prompt_k[layer], self._prompt_v[layer]
        # All replies to a prompt ask it at once.
        scores_p = self._by_row(self._by_group(q) @ prompt_k.transpose(-1, -2), share)
        scores_o = q @ own_k.transpose(-1, -2)
        weights = torch.cat((scores_p + self._bias, scores_o.float()), -1).softmax(-1).to(v.dtype)
        weights_p, weights_o = torch.split(weights, [prompt_k.shape[2], self.length + 1], -1)
        out = self._by_row(self._by_group(weights_p) @ prompt_v, share) + weights_o @ own_v
        return out.reshape(rows, 1, heads, width)

    def _by_group(self, x: torch.Tensor) -> torch.Tensor:
        """[R, K, share, ·] → [G, K, slots · share, ·]."""
        _, folds, share, width = x.shape
        x = x[self._row_in].view(-1, self._slots, folds, share, width).transpose(1, 2)
        return x.reshape(-1, folds, self._slots * share, width)

    def _by_row(self, x: torch.Tensor, share: int) -> torch.Tensor:
        """[G, K, slots · share, ·] → [R, K, share, ·]."""
        groups, folds, _, width = x.shape
        x = x.view(groups, folds, self._slots, share, width).transpose(1, 2)
        return x.reshape(groups * self._slots, folds, share, width)[self._slot_of]

    def _append(self, kept: list[torch.Tensor], layer: int, new: torch.Tensor) -> torch.Tensor:
        """Write position `length` of a layer and return all positions up to it."""
        rows, folds, _, width = new.shape
        if layer == len(kept):
            kept.append(new.new_empty(rows, folds, 0, width))
        if self.length == kept[layer].shape[2]:
            room = new.new_empty(rows, folds, _GROWTH, width)
            kept[layer] = torch.cat((kept[layer], room), dim=2)
        kept[layer][:, :, self.length] = new[:, :, 0]
        return kept[layer][:, :, : self.length + 1]

    def _arrange(self, group_of: torch.Tensor) -> None:
        """Give every row a slot in its group; empty slots borrow row 0, and nobody reads them."""
        self._group_of = group_of
        groups = len(self._lengths)
        counts = torch.bincount(group_of, minlength=groups)
        self._slots = int(counts.max())
        order = torch.argsort(group_of, stable=True)
        rank = torch.empty_like(order)
        rank[order] = torch.arange(len(order), device=order.device)
        first = counts.cumsum(0) - counts
        self._slot_of = group_of * self._slots + (rank - first[group_of])
        self._row_in = torch.zeros(groups * self._slots, dtype=torch.long, device=order.device)
        self._row_in[self._slot_of] = torch.arange(len(order), device=order.device)
        reach = torch.arange(self._prompt_k[0].shape[2], device=order.device)
        beyond = reach[None] >= self._lengths[:, None]
        bias = torch.zeros(beyond.shape, device=order.device)
        bias = bias.masked_fill_(beyond, float("-inf"))
        self._bias = bias[group_of][:, None, None]  # [R, 1, 1, P], float32


def _causal(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> torch.Tensor:
    """Causal attention from the last positions of `k` and `v`: `[B, T, H, d]`."""
    new, total = q.shape[2], k.shape[2]
    mask = None
    if new < total:
        mask = torch.ones(new, total, dtype=torch.bool, device=q.device).tril(total - new)
    out = functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=True
    )
    return out.transpose(1, 2)
