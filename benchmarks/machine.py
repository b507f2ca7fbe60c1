"""The facts of a machine that numbers depend on. It is named by its CPU, never by its host name."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch

from advgame.engines.threads import usable_cores
from advgame.models.network import pick_device, pick_dtype
from benchmarks.common import clock_name

_SETS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")
_PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "numpy")


def facts() -> dict[str, Any]:
    device = pick_device("auto")
    text = _cpuinfo()
    flags = set(_field(text, "flags").split())
    return {
        "cpu": cpu(),
        "family_model": f"{_field(text, 'cpu family')}/{_field(text, 'model')}",
        "cores": usable_cores(),
        "instruction_sets": [name for name in _SETS if name in flags],
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "gpu": torch.cuda.get_device_name() if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
        "clock": clock_name(),
        "load_average": round(os.getloadavg()[0], 1),
        "dtype": str(pick_dtype("auto", device)).removeprefix("torch."),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def cpu() -> str:
    """The CPU's own name."""
    return _field(_cpuinfo(), "model name") or platform.processor() or platform.machine()


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _cpuinfo() -> str:
    file = Path("/proc/cpuinfo")
    return file.read_text() if file.exists() else ""


def _field(text: str, name: str) -> str:
    found = re.search(rf"^{name}\s*:\s*(.*)$", text, re.MULTILINE)
    return found.group(1).strip() if found else ""
