"""How many CPU threads to compute with.

More threads than free cores are worse than one: OpenMP threads spin while they wait for each
other, and two of them on one core can be several times slower than one alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import psutil

from advgame.errors import ConfigError

_CGROUP = Path("/sys/fs/cgroup/cpu.max")


def threads_for(wanted: int | Literal["auto"]) -> int:
    """Return the threads to use: those wanted, or the cores that are free now; at least 1.

    auto: OMP_NUM_THREADS where it is set; else the cores this process may run on (affinity and
    the container's quota) less what other processes keep busy.

    Raises:
        ConfigError: `wanted` is below 1.
    """
    if wanted != "auto":
        if wanted < 1:
            raise ConfigError(f"train.threads={wanted}: use a positive number or auto")
        return wanted
    named = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if named.isdecimal() and int(named) > 0:
        return int(named)
    return free_cores()


def pick_threads(wanted: int | Literal["auto"]) -> str:
    """Size torch's thread pool by `threads_for`; return one line that says so."""
    import torch

    threads = threads_for(wanted)
    torch.set_num_threads(threads)
    why = "as configured" if wanted != "auto" else "free now; set train.threads to change it"
    return f"{threads} of {usable_cores()} CPU cores ({why})"


def free_cores() -> int:
    """Return the usable cores that nothing keeps busy right now; at least 1."""
    usable, mine = usable_cores(), len(_own_cores())
    # A quota is of all cores that may be used: those that others keep busy are the others' of them.
    return max(1, min(usable, round(max(usable, mine) - _busy_cores())))


def usable_cores() -> int:
    """Return the cores this process may use, by its affinity and its container's quota."""
    cores, quota = len(_own_cores()), _quota(_CGROUP)
    return cores if quota is None else min(cores, int(quota))


def _own_cores() -> set[int]:
    """The numbers of the cores that this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return set(affinity(0)) if affinity else set(range(os.cpu_count() or 1))


def _quota(file: Path) -> float | None:
    """Return the cores that a cgroup (version 2) grants, None = no limit."""
    try:
        limit, period = file.read_text().split()
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(1.0, int(limit) / int(period))


def _busy_cores() -> float:
    """Return how many cores are busy, measured over a fifth of a second, this process apart."""
    before = psutil.Process().cpu_times()
    every, mine = psutil.cpu_percent(interval=0.2, percpu=True), _own_cores()
    if max(mine) >= len(every):  # a container that counts its own cores from 0
        mine = set(range(len(every)))
    busy = sum(share for core, share in enumerate(every) if core in mine) / 100
    after = psutil.Process().cpu_times()
    own = (after.user + after.system - before.user - before.system) / 0.2
    return max(0.0, busy - own)
