"""By whom compared runs were measured, and whether that judge taught any of the players."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advgame.evals.judging import describe
from advgame.store.reader import RunReader
from advgame.store.taught import taught_by


def judges_of(reader: RunReader) -> dict[str, Any]:
    """`by`: the judge of a run's validation; `taught`: those that its players learned from.

    Raises:
        StoreError: the run, or what it goes back to, is damaged.
    """
    taught = taught_by(reader.path)
    return {
        "by": describe(reader.config.judges.measuring),
        "taught": [describe(each) for each in taught],
    }


def judged(report: Mapping[str, Any]) -> Iterator[str]:
    """What a reader of these rates should know of the judges behind them, a sentence each."""
    judges = {name: run["judge"] for name, run in report["runs"].items() if "judge" in run}
    if not judges:
        return  # written by an earlier version
    names = list(dict.fromkeys(each["by"] for each in judges.values()))
    if len(names) > 1:
        who = ", ".join(f"{name} by {each['by']}" for name, each in judges.items())
        yield f"Measured by different judges ({who}): these rates cannot be compared."
    else:
        yield f"Measured by the judge {names[0]}."
    flattered = [name for name, each in judges.items() if each["by"] in each["taught"]]
    if flattered:
        yield f"That judge trained {', '.join(flattered)}, whose rates may flatter."
    if report.get("cross_play"):
        by = next(iter(judges.values()))["by"]
        taught = [name for name, each in judges.items() if by in each["taught"]]
        known = f"; it trained {', '.join(taught)}, whose rates may flatter" if taught else ""
        if known or len(names) > 1:
            yield f"All cross-play was judged by {by}{known}."
