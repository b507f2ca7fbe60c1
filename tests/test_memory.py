"""The heap: what large tensors leave behind is used again. Counts page faults and heaps."""

import gc
import os
import subprocess
import sys

import pytest

from advgame import memory

COUNT = """
import resource, torch
from advgame.memory import keep_heap, release

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def use():
    before = faults()
    for _ in range(4):
        torch.ones(1 << 22)  # 16 MiB: 4096 pages
    return faults() - before

use()
default = use()
keep_heap()
for _ in range(8):  # glibc divides what it has until aligned blocks of the size fit
    use()
kept = use()
release()
print(default, kept, use())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_a_kept_heap_is_not_asked_for_again_until_it_is_released():
    told = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    default, kept, released = map(int, told.stdout.split())
    assert kept < 100 < default
    assert released > 100  # `release` handed the pages back: they come once more


HEAPS = """
import ctypes, sys, threading
from advgame import memory

def heaps():
    libc = ctypes.CDLL("libc.so.6")
    libc.open_memstream.restype = ctypes.c_void_p
    text, size = ctypes.c_char_p(), ctypes.c_size_t()
    out = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
    libc.malloc_info(0, out)
    libc.fclose(out)
    return ctypes.string_at(text, size.value).count(b"<heap nr=")

if sys.argv[1:]:
    getattr(memory, sys.argv[1])()
together = threading.Barrier(4)

def work():
    held = [bytes(4096) for _ in range(9)]
    together.wait()

for _ in range(3):
    threading.Thread(target=work).start()
together.wait()
print(heaps())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
@pytest.mark.parametrize(("call", "heaps"), [("", 4), ("lean", 1), ("keep_heap", 1)])
def test_threads_share_one_heap(call, heaps):
    told = subprocess.run(
        [sys.executable, "-c", HEAPS, *call.split()],
        env={name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(told.stdout) == heaps


def test_who_has_chosen_how_much_is_kept_is_not_overruled(monkeypatch):
    monkeypatch.setenv("LRU_CACHE_CAPACITY", "7")
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", raising=False)
    memory.lean()
    assert os.environ["LRU_CACHE_CAPACITY"] == "7"
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "64"


def test_after_the_steps_garbage_is_collected_as_before():
    before = gc.get_threshold()
    with memory.settled():
        assert gc.get_freeze_count() > 10_000  # torch and what else is loaded
        assert gc.get_threshold()[2] > before[2]
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before
