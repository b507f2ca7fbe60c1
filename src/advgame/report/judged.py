"""By whom compared runs were measured, and whether that judge taught any of the players."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def judged(report: Mapping[str, Any]) -> Iterator[str]:
    """What a reader of these rates should know of the judges behind them, a sentence each."""
    judges = {name: run["judge"] for name, run in report["runs"].items() if "judge" in run}
    if not judges:
        return  # written by an earlier version
    names = list(dict.fromkeys(each["by"] for each in judges.values()))
    if len(names) > 1:
        who = ", ".join(f"{name} by {each['by']}" for name, each in judges.items())
        yield f"Measured by different judges ({who}): these rates cannot be compared."
    everyone = names[0] if report.get("cross_play") else None  # the first run's judges that
    for by in names:
        heard = [name for name, each in judges.items() if by in (each["by"], everyone)]
        taught = [name for name in heard if by in judges[name]["taught"]]
        flattered = f", which trained {', '.join(taught)}: its rates of them may flatter"
        yield f"Measured by the judge {by}{flattered if taught else ''}."
    if everyone and len(names) > 1:
        yield f"All cross-play was judged by {everyone}, the first run's."
