"""The heap: what large tensors leave behind is used again. Counts page faults, not seconds."""

import subprocess
import sys

import pytest

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
