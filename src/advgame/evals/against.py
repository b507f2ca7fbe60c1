"""Two reports of `advgame eval` on the same questions: what changed, with paired intervals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advgame.errors import ConfigError
from advgame.evals.tally import difference

SAME = ("max_tokens", "temperature", "attempts", "attacker", "attacks", "reference")


def read_report(path: Path) -> dict[str, Any]:
    """Read a report that `advgame eval` wrote.

    Raises:
        ConfigError: it is missing or no report.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        known = all(isinstance(row["outcomes"], dict) for row in found["tasks"].values())
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        known = False
    if not known:
        raise ConfigError(f"{path} is no report of advgame eval: give the file that it printed")
    return found  # type: ignore[no-any-return]


def comparable(before: Mapping[str, Any], judge: str, settings: Mapping[str, Any]) -> None:
    """Refuse to compare what was not measured alike.

    Raises:
        ConfigError: another judge, or other settings that change the questions or the replies.
    """
    pairs = {"judge": (before["settings"]["judge"], judge)}
    pairs |= {key: (before["settings"].get(key), settings[key]) for key in SAME}
    for key, (was, now) in pairs.items():
        if was != now:
            raise ConfigError(
                f"the other report was made with {key} = {was}, this one has {now}: "
                "measure both alike"
            )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """After minus before of every task in both reports: NAME → {value, low, high, n}.

    Questions are paired by their ids; what is unscored on either side is left out.
    """
    return {
        name: difference(before["tasks"][name]["outcomes"], row["outcomes"])
        for name, row in after["tasks"].items()
        if name in before["tasks"]
    }
