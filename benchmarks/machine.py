"""The facts of a machine that numbers depend on. It is named by its CPU, never by its host name."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from typing import Any

import psutil
import torch

from advgame.engines.threads import usable_cores
from advgame.machine import cpu, cpu_field, instruction_sets
from advgame.models.network import pick_device, pick_dtype
from benchmarks.common import clock_name

_PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "numpy")


def facts() -> dict[str, Any]:
    device = pick_device("auto")
    return {
        "cpu": cpu(),
        "family_model": f"{cpu_field('cpu family')}/{cpu_field('model')}",
        "cores": usable_cores(),
        "instruction_sets": instruction_sets(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "gpu": torch.cuda.get_device_name() if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
        "clock": clock_name(),
        "load_average": round(os.getloadavg()[0], 1),
        "dtype": str(pick_dtype("auto", device)).removeprefix("torch."),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
