"""Which matrix products a piece of work makes, and how fast the machine makes just these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.common import timed

_PLACES = {"mm": (0, 1), "addmm": (1, 2), "addmm_": (1, 2), "bmm": (0, 1)}


@dataclass(frozen=True, slots=True)
class Operand:
    """Shape, strides, type and device of a matrix: how it lies decides how fast it is read."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def of(cls, tensor: torch.Tensor) -> Operand:
        return cls(tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype, tensor.device)

    @property
    def nbytes(self) -> int:
        return torch.Size(self.shape).numel() * self.dtype.itemsize

    def make(self) -> torch.Tensor:
        """Random numbers that lie in memory as the recorded matrix did."""
        places = 1 + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        held = torch.randn(places, device=self.device).to(self.dtype)
        return held.as_strided(self.shape, self.strides)


@dataclass
class Products(TorchDispatchMode):
    """Counts matrix products inside a `with` block, by their operands."""

    counts: Counter[tuple[Operand, Operand]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        places = _PLACES.get(func.overloadpacket.__name__)
        if places is not None:
            a, b = (args[place] for place in places)
            self.counts[Operand.of(a), Operand.of(b)] += 1
        return func(*args, **(kwargs or {}))

    @property
    def flops(self) -> int:
        return sum(_flops(a, b) * times for (a, b), times in self.counts.items())

    @property
    def bytes(self) -> int:
        """What they read, if nothing stays in a cache from one to the next."""
        return sum((a.nbytes + b.nbytes) * times for (a, b), times in self.counts.items())

    def seconds(self, enough: float = 0.02) -> float:
        """How long the same products take, one after another and nothing between them."""
        total = 0.0
        for (a, b), times in self.counts.items():
            x, y = a.make(), b.make()
            torch.matmul(x, y)
            total += times * best(lambda x=x, y=y: torch.matmul(x, y), enough)
        return total


def _flops(a: Operand, b: Operand) -> int:
    *batch, rows, inner = a.shape
    return 2 * torch.Size(batch).numel() * rows * inner * b.shape[-1]


def best(run: Callable[[], object], enough: float) -> float:
    """Seconds of a call: the quickest of three groups of calls, each `enough` seconds long."""
    once = max(timed(lambda: _many(run, 1)).seconds, 1e-6)
    times = max(1, round(enough / once))
    return min(timed(lambda: _many(run, times)).seconds for _ in range(3)) / times


def _many(run: Callable[[], object], times: int) -> float:
    for _ in range(times):
        run()
    return times


def gemm_rate(dtype: torch.dtype, device: torch.device, size: int = 2048) -> float:
    """Operations a second of a large square product: this machine's peak, as torch reaches it."""
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return 2 * size**3 / best(lambda: a @ b, 0.1)


def read_rate(device: torch.device, megabytes: int = 512) -> float:
    """Bytes a second of reading memory far larger than any cache."""
    block = torch.ones(megabytes * 2**18, device=device)  # float32
    return block.nbytes / best(lambda: block.sum(), 0.1)
