"""The facts of a machine that numbers depend on. It is named by its CPU, never by its host name."""

from __future__ import annotations

import platform
import re
from pathlib import Path

_SETS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")


def cpu() -> str:
    """The CPU's own name."""
    return cpu_field("model name") or platform.processor() or platform.machine()


def instruction_sets() -> list[str]:
    """Those of the CPU that decide how fast it multiplies matrices."""
    flags = set(cpu_field("flags").split())
    return [name for name in _SETS if name in flags]


def cpu_field(name: str) -> str:
    """A field of /proc/cpuinfo; empty where there is none."""
    file = Path("/proc/cpuinfo")
    text = file.read_text() if file.exists() else ""
    found = re.search(rf"^{name}\s*:\s*(.*)$", text, re.MULTILINE)
    return found.group(1).strip() if found else ""
