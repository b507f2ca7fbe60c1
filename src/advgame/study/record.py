"""The compact record of a finished run: enough to compare it with others when it is gone."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from advgame import __version__
from advgame.machine import cpu, instruction_sets
from advgame.store.reader import open_readonly
from advgame.study.folders import Folders
from advgame.study.plan import Trial

_MOST_LINES = 120  # of metrics; a longer run is thinned evenly
_PACKAGES = ("torch", "transformers", "numpy")


def record_of(trial: Trial, folders: Folders) -> dict[str, Any]:
    """Everything of a record but its evaluation: what was run, where, and how it went.

    Raises:
        StoreError: its run is not finished, or is damaged.
    """
    found: dict[str, Any] = {
        "arm": trial.arm,
        "seed": trial.seed,
        "hash": trial.hash,
        "overrides": dict(trial.overrides),
        "config": trial.config.model_dump(mode="json"),
        "versions": {
            "advgame": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
        "machine": {"cpu": cpu(), "instruction_sets": instruction_sets()},
    }
    if trial.trains:
        reader = open_readonly(folders.run(trial.key))
        summary = reader.summary() or {}
        found |= {
            "weights": folders.weights(trial.key),
            "steps": summary["steps"],
            "cost": summary["cost"],
            "seconds": round(summary["seconds"], 1),
            "curve": curve(reader.metrics()),
            "validation": [
                {"step": report["step"], "rates": _rounded(report["rates"])}
                for report in reader.validations()
            ],
        }
    return found


def curve(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """Metrics by name, a value a step; names without any value are left out."""
    stride = max(1, math.ceil(len(lines) / _MOST_LINES))
    last = len(lines) - 1
    kept = [line for at, line in enumerate(lines) if at % stride == 0 or at == last]
    names = dict.fromkeys(name for line in kept for name in line if name != "time")
    columns = {name: [_round(line.get(name)) for line in kept] for name in names}
    return {
        name: values
        for name, values in columns.items()
        if not name.startswith("validation/") and any(value is not None for value in values)
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    return _round(value) if isinstance(value, float) else value


def _round(value: Any) -> float | int | None:
    """Four significant digits of a fraction; whole numbers as they are."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return value
    return float(f"{value:.4g}") if math.isfinite(value) else None
