"""Memory: what libraries hold kept small; pages kept within a stage, handed back between them."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of mallopt(3), from malloc.h
_KEPT_PRODUCTS = 64  # more than the shapes of a token's, or a micro-batch's, products
_LARGEST = 1 << 27  # bytes of a tensor from the heap: larger ones would fragment it for long


@contextmanager
def settled() -> Iterator[None]:
    """Run steps inside: what is loaded by now is left out of garbage collection, `keep_heap`.

    Libraries and models are half a million objects that stay. A large round makes enough new ones
    for full collections, which would walk all of them each time. Nor does a full collection find
    much in a round that grows: with ten times fewer an episode costs 1.03 times as much at 10,000
    as at 1,000 of them, where it cost 1.10 times.
    """
    keep_heap()
    gc.collect()
    gc.freeze()
    young, middle, full = gc.get_threshold()
    gc.set_threshold(young, middle, 10 * full)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, full)
        gc.unfreeze()


def lean() -> None:
    """Hold libraries to one heap and few kept products. Call it before torch and threads are there.

    By default each thread has a heap of its own. What an event loop hands to threads wanders
    between them, and a round's tensors then lie free in the heap of one while the update grows that
    of another: seen in a run of `laptop`, three heaps of 1.3 to 1.5 GB each. That threads wait for
    each other to allocate costs next to nothing here, where one computes at a time.

    oneDNN keeps what it made for the shape of a bfloat16 product, 258 kB each: by default 1,024 of
    them, and torch as many again in each thread. Rows retire and texts grow, so hardly a shape
    comes again in another wave: in that run 3,700 were kept, 0.97 GB.

    Who has set these for the process is not overruled. A no-op where the C library is not glibc.
    """
    for name in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(_KEPT_PRODUCTS))
    mallopt = _libc("mallopt")
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(_ARENA_MAX, 1)


def keep_heap() -> None:
    """Serve tensors of up to 128 MiB from the heap, and keep freed pages until `release`.

    By default glibc asks the system for pages for every large tensor and hands them back with it;
    the system clears them each time. Measured without: 6,000 page faults a token of decoding,
    8% of its time, and 5% of an update's. For the whole process, and for good; a no-op where the
    C library is not glibc.
    """
    lean()
    mallopt = _libc("mallopt")
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)


def release() -> None:
    """Return freed heap pages to the system; a no-op where the C library is not glibc.

    Every step has tensors of other sizes. What they leave behind in glibc's heaps is free yet
    stays resident: measured before `keep_heap` 1.7 GB after the first step of `demo` and 4.4 GB
    after the twelfth, against 1.1 GB and 1.3 GB with this. It takes milliseconds. A step does it
    at its end and before every update, which asks for other pieces than the last stage has freed.
    """
    trim = _libc("malloc_trim")
    if trim is not None:
        trim(0)


@cache
def _libc(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL("libc.so.6"), name)
    except (OSError, AttributeError):
        return None
