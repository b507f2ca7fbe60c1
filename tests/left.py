"""What a run leaves, as values that can be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file


def left_by(run: Path) -> dict[str, Any]:
    """All that a run leaves, timings and configuration apart."""
    found: dict[str, Any] = {}
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run).as_posix()
        if not path.is_file() or name.split("/")[0] in (".lock", "config.yaml", "report.html"):
            continue
        if path.suffix == ".safetensors":
            found[name] = {
                k: v.reshape(-1).view(torch.uint8).numpy().tobytes()
                for k, v in load_file(path).items()
            }
        elif name == "metrics.jsonl":
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = [{k: v for k, v in line.items() if k != "time"} for line in lines]
        elif name == "summary.json":
            found[name] = {k: v for k, v in json.loads(path.read_text()).items() if k != "seconds"}
        elif path.name != "manifest.json":  # holds metrics with their timings
            found[name] = path.read_bytes()
    return found


def assert_same(run: Path, other: Path) -> None:
    """Check that two runs left the same, bit by bit."""
    found, expected = left_by(run), left_by(other)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == value, name
