"""Two reports of `advgame eval` on the same questions: what changed, with paired intervals."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from advgame.errors import ConfigError
from advgame.evals.catalog import AnyTask, PairwiseTask, UtilityTask
from advgame.evals.tally import difference

ALWAYS = ("max_tokens", "temperature")
"""Settings that change the replies to every question."""


def read_report(path: Path) -> dict[str, Any]:
    """Read a report that `advgame eval` wrote.

    Raises:
        ConfigError: it is missing or no report.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = [found["settings"], *(row["outcomes"] for row in found["tasks"].values())]
        known = all(isinstance(row, dict) for row in rows)
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        known = False
    if not known:
        raise ConfigError(f"{path} is no report of advgame eval: give the file that it printed")
    return found  # type: ignore[no-any-return]


def comparable(
    before: Mapping[str, Any], settings: Mapping[str, Any], tasks: Sequence[AnyTask]
) -> dict[str, str]:
    """Refuse to compare what was not measured alike.

    Args:
        before: the other report.
        settings: those of this one.
        tasks: what this one measures.

    Returns:
        The tasks of both reports that were asked otherwise (other attacks, another reference), each
        with the reason: `differences` is to leave them out.

    Raises:
        ConfigError: another judge, other settings that change every reply, or no task is left.
    """
    was = before["settings"]
    for key in ("judge", *ALWAYS):
        if was.get(key) != settings[key]:
            raise ConfigError(
                f"the other report was made with {key} = {was.get(key)}, this one has "
                f"{settings[key]}: measure both alike"
            )
    both = [task for task in tasks if task.name in before["tasks"]]
    if not both:
        raise ConfigError(
            "the other report holds none of these tasks, so there is nothing to compare; it holds "
            + ", ".join(before["tasks"])
        )
    out = {task.name: why for task in both if (why := _otherwise(task, was, settings))}
    if len(out) == len(both):
        first = next(iter(out.values()))
        raise ConfigError(f"nothing is left to compare: {first}; measure both alike")
    return out


def _otherwise(task: AnyTask, was: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Which setting asked `task` otherwise in the other report; None if none did."""
    before, after = _asked(task, was), _asked(task, settings)
    for key, value in after.items():
        if before[key] != value:
            return f"{task.name} was asked with {key} = {before[key]} there and {value} here"
    return None


def _asked(task: AnyTask, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that choose what `task` asks, or compares with, beside its name."""
    if isinstance(task, PairwiseTask):
        return {"reference": settings.get("reference")}
    if isinstance(task, UtilityTask):
        return {"written_tokens": settings.get("written_tokens")} if task.writes else {}
    if not (task.attacked or task.templates):
        return {}
    attempts, attacks = settings.get("attempts"), settings.get("attacks")
    if task.attacked and attacks is not None:  # then nobody attacks anew
        return {"attacker": None, "attacks": attacks, "attempts": attempts}
    made = {"attempts": attempts or 1}
    if not task.attacked:
        return made
    return {"attacker": settings.get("attacker"), "attacks": None, **made}


def asked_otherwise(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """The tasks of both reports whose attacks were not the same prompts, each with the reason."""
    return {
        name: f"{name} was asked with other attacks there, though of the same name"
        for name, row in after["tasks"].items()
        if (was := before["tasks"].get(name, {}).get("asked")) and was != row.get("asked")
    }


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], left_out: Container[str] = ()
) -> dict[str, Any]:
    """After minus before of every task in both reports: NAME → {value, low, high, n}.

    Questions are paired by their ids; what is unscored on either side is left out, as are the tasks
    in `left_out`.
    """
    return {
        name: difference(before["tasks"][name]["outcomes"], row["outcomes"])
        for name, row in after["tasks"].items()
        if name in before["tasks"] and name not in left_out
    }
