"""One token from one row of logits and one uniform number.

The draw is by inverse transform: the token whose interval of the cumulative distribution holds the
number. Nothing else is random, so a reply's tokens follow from its own numbers alone.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from advgame.losses.logprobs import log_total

_STRIDE = 256  # tokens whose mass is added up before anyone walks along them
_GREEDY = 1e-6  # colder than this no second token has any mass left, and 1 / temperature overflows
_HEAD = 64  # a nucleus seldom holds more tokens; where it does, the row is sorted in full


def uniforms(seed: int, count: int) -> torch.Tensor:
    """Return the numbers in [0, 1) for `count` tokens of the reply with this seed, `[count]`."""
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


def draw(
    logits: torch.Tensor, numbers: torch.Tensor, temperature: float, top_p: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a token a row and its log-prob at temperature 1, in nats.

    `logits [R, V]`, at least float32, and `numbers [R]` give two `[R]`. Temperature 0 takes the
    most likely token, as do those too close to it to differ. `top_p` keeps the smallest set of most
    likely tokens that holds this much of the probability (arXiv 1904.09751). The log-prob of a row
    with logits that are not finite is not finite.
    """
    shares = logits.softmax(-1)
    tokens = _choose(logits, shares, numbers, temperature, top_p)
    return tokens, logits.gather(1, tokens[:, None])[:, 0] - log_total(logits, shares)


def _choose(
    logits: torch.Tensor,
    shares: torch.Tensor,
    numbers: torch.Tensor,
    temperature: float,
    top_p: float,
) -> torch.Tensor:
    """Return a token a row; `shares` is the softmax of `logits`, enough at temperature 1."""
    if temperature < _GREEDY:
        return logits.argmax(-1)
    if temperature != 1:
        shares = (logits * (1 / temperature)).softmax(-1)
    if top_p >= 1:
        return _walk(shares, numbers)
    head = shares.topk(min(_HEAD, shares.shape[1]), dim=-1)
    tokens = _nucleus(head.indices, head.values, numbers, top_p)
    short = (head.values.sum(-1) < top_p).nonzero()[:, 0]
    if len(short):
        whole = shares[short].sort(dim=-1, descending=True)
        tokens[short] = _nucleus(whole.indices, whole.values, numbers[short], top_p)
    return tokens


def _walk(shares: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Draw from all tokens: the block that holds the number first, then the place in it.

    A running sum of the whole vocabulary would be the slowest part of a draw on a CPU.
    """
    rows, size = shares.shape
    if short := -size % _STRIDE:
        shares = functional.pad(shares, (0, short))
    shares = shares.view(rows, -1, _STRIDE)
    mass = functional.pad(shares.sum(-1).cumsum(-1), (1, 0))  # before each block, and of all
    targets = numbers * mass[:, -1]
    block = _locate(mass, targets, mass.shape[1])[:, None] - 1
    inside = shares.gather(1, block[:, :, None].expand(-1, -1, _STRIDE))[:, 0].cumsum(-1)
    # Rounding must not lead past the last token of the block that can be drawn.
    most = torch.nextafter(inside[:, -1], torch.zeros_like(targets))
    targets = torch.minimum(targets - mass.gather(1, block)[:, 0], most)
    token = block[:, 0] * _STRIDE + _locate(inside, targets, _STRIDE)
    return token.clamp_max(size - 1)  # where logits are NaN, nothing is located


def _nucleus(
    candidates: torch.Tensor, shares: torch.Tensor, numbers: torch.Tensor, top_p: float
) -> torch.Tensor:
    """Draw from the shortest beginning of `candidates` (most likely first) that holds `top_p`."""
    mass = shares.cumsum(-1)
    size = (mass - shares < top_p).sum(-1).clamp_min(1)  # float32 may round a tiny top_p to 0
    total = mass.gather(1, (size - 1)[:, None])[:, 0]
    place = _locate(mass, numbers * total, size)
    return candidates.gather(1, place[:, None])[:, 0]


def _locate(mass: torch.Tensor, targets: torch.Tensor, size: torch.Tensor | int) -> torch.Tensor:
    """First place whose cumulative mass exceeds the target; rounding never leads past `size`."""
    place = torch.searchsorted(mass, targets[:, None], right=True)[:, 0]
    return torch.minimum(place, torch.as_tensor(size, device=place.device) - 1)
