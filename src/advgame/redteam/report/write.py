"""Writes everything that is made from a campaign's findings into its folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from advgame.redteam.budget import Spent
from advgame.redteam.ledger import read_findings, read_spent
from advgame.redteam.plan import arm_name, read_settings
from advgame.redteam.report.figures import figures
from advgame.redteam.report.junit import junit
from advgame.redteam.report.markdown import summary
from advgame.redteam.report.page import page
from advgame.redteam.report.sarif import sarif
from advgame.redteam.values import Finding
from advgame.store.atomic import write_bytes, write_json, write_text
from advgame.store.damage import reading

SUMMARY, PAGE, FIGURES = "summary.md", "report.html", "figures.json"
SARIF, JUNIT = "findings.sarif", "junit.xml"


def write_reports(folder: Path, *, show: bool = False) -> dict[str, Any]:
    """Write the reports of a campaign anew and return its figures.

    Args:
        folder: the campaign's.
        show: whether harmful replies are shown.

    Raises:
        StoreError: it is no campaign's folder, or cannot be written.
    """
    with reading(folder):
        return _write(folder, show=show)


def _write(folder: Path, *, show: bool) -> dict[str, Any]:
    settings = read_settings(folder)
    every = list(read_findings(folder))
    lines = {each.id: number for number, each in enumerate(every, start=1)}
    findings = _in_order(settings, {each.id: each for each in every}.values())
    found = figures(findings, settings["attempts"], stopped=settings["stop_on_success"])
    facts = facts_of(settings, findings, read_spent(folder))
    write_json(folder / FIGURES, {"campaign": settings, **found})
    write_text(folder / SUMMARY, summary(findings, found, facts, show=show))
    write_text(folder / PAGE, page(findings, found, facts, show=show))
    write_json(folder / SARIF, sarif(findings, lines, settings["target"]))
    write_bytes(folder / JUNIT, junit(findings))
    return found


def _in_order(settings: Mapping[str, Any], findings: Iterable[Finding]) -> list[Finding]:
    """Strategies as the user named them, not as their attempts happened to end."""
    names = [
        arm_name(text, attacker)
        for text in settings["strategies"]
        for attacker in (None, *settings["attackers"])
    ]
    place = {name: number for number, name in enumerate(names)}
    return sorted(findings, key=lambda each: place.get(each.arm, len(place)))


def _made(made: int, settings: Mapping[str, Any]) -> str:
    of = settings.get("attempts_of", made)
    if made >= of or settings["stop_on_success"]:  # then some are not needed
        return f"{made}"
    return f"{made} of {of}; rates are of those that were made"


def facts_of(
    settings: Mapping[str, Any], findings: Sequence[Finding], spent: Spent
) -> dict[str, str]:
    """What was attacked, with what, at what cost: for people."""
    second = settings["second_judge"]
    tokens = f"{spent.usage.total:,} tokens{' (estimated)' if spent.usage.estimated else ''}"
    judges = [settings["judge"] + (f", second {second}" if second else "")]
    if findings and all(each.injected for each in findings):
        judges = []
    if any(each.injected for each in findings):
        judges.append("facts: what the target did with the text in the document")
    return {
        "Target": settings["target"],
        "Attacker": ", ".join(settings["attackers"]) or "none",
        "Seeds": f"{settings['seeds_of']} of {settings['seeds']} ({settings['part']})",
        "Requests": f"{settings['attempts']} a seed and strategy; {spent.requests} sent, {tokens}",
        "Judge": "; ".join(judges),
        "Attempts": _made(len(findings), settings),
    }
