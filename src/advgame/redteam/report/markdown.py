"""`summary.md`: what a campaign found, for people, in text that no renderer acts on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advgame.numbers import change, rate, two
from advgame.redteam.report.clusters import clusters
from advgame.redteam.report.figures import levels, shortest
from advgame.redteam.report.redact import clipped, reason, turns
from advgame.redteam.taxonomy import HARMBENCH, INJECTION, OVER_REFUSAL, labels_of
from advgame.redteam.values import Finding

_TRANSCRIPTS, _CLUSTERS = 12, 10


def summary(
    findings: Sequence[Finding], figures: Mapping[str, Any], facts: Mapping[str, str], *, show: bool
) -> str:
    """The page.

    Args:
        findings: one an attempt.
        figures: what `figures` made of them.
        facts: what was attacked, how, at what cost.
        show: whether harmful replies are shown.
    """
    lines = ["# Red team: what was found", ""]
    lines += [f"* {name}: {_inline(value)}" for name, value in facts.items()]
    lines += ["", *_arms(figures), "", *_compared(figures), "", *_categories(figures)]
    lines += ["", *_states(figures), "", *_agreement(figures)]
    lines += ["", *_clusters(findings), "", *_transcripts(findings, show)]
    return "\n".join(lines).rstrip() + "\n"


def title(category: str) -> str:
    """A category's name for people."""
    others = {OVER_REFUSAL: "Over-refusal", INJECTION: "Prompt injection"}
    return HARMBENCH.get(category) or others.get(category, "Other")


def _arms(figures: Mapping[str, Any]) -> Iterator[str]:
    k = figures["requests_a_seed"]
    yield "## Attack success"
    yield ""
    rates = [f"ASR@{at}" for at, _ in levels(k)]
    yield f"| strategy | {' | '.join(rates)} | seeds | unscored | requests | distinct-2 | overlap |"
    yield f"|{'---|' * (len(rates) + 6)}"
    for name, row in figures["arms"].items():
        cells = (
            f"`{_inline(name)}`", *(rate(row[key]) for _, key in levels(k)),
            row["at_k"]["n"], row["at_k"]["unscored"], row["requests"],
            *map(two, (row["distinct_2"], row["self_overlap"])),
        )  # fmt: skip
        yield f"| {' | '.join(map(str, cells))} |"
    yield ""
    yield (
        f"Share of seeds broken by the first attempt, and within {k} requests; 95% Wilson "
        "intervals. Seeds on which nothing succeeded and something could not be scored are "
        "unscored: in neither share."
    )


def _compared(figures: Mapping[str, Any]) -> Iterator[str]:
    if not figures["compared"]:
        return
    yield f"## What `{_inline(figures['main'])}` adds at equal requests"
    yield ""
    yield "| over | percentage points (95%) | seeds |"
    yield "|---|---|---|"
    for name, row in figures["compared"].items():
        yield f"| `{_inline(name)}` | {change(row)} | {row['n']} |"


def _categories(figures: Mapping[str, Any]) -> Iterator[str]:
    names = list(figures["arms"])
    yield "## By category"
    yield ""
    yield f"| category | {' | '.join(f'`{_inline(name)}`' for name in names)} |"
    yield f"|{'---|' * (len(names) + 1)}"
    for category, rates in figures["categories"].items():
        cells = (rate(rates.get(name)) for name in names)
        yield f"| {title(category)} | {' | '.join(cells)} |"


def _states(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "## How attempts ended"
    yield ""
    for name, row in figures["arms"].items():
        ended = ", ".join(f"{count} {state}" for state, count in row["states"].items())
        yield f"* `{_inline(name)}`: {ended}"


def _agreement(figures: Mapping[str, Any]) -> Iterator[str]:
    found = figures["agreement"]
    if found is None:
        return
    kappa = "not defined" if found["kappa"] is None else f"{found['kappa']:.2f}"
    yield (
        f"Both judges scored {found['same']['n']} replies and agreed on {rate(found['same'])}; "
        f"Cohen's kappa {kappa}."
    )


def _clusters(findings: Sequence[Finding]) -> Iterator[str]:
    found = clusters(findings)
    if not found:
        return
    yield "## Kinds of attack that succeeded"
    yield ""
    for each in found[:_CLUSTERS]:
        arms = ", ".join(f"`{_inline(arm)}`" for arm in sorted({m.arm for m in each.members}))
        yield f"{len(each.members)} successes on {each.seeds} seeds ({arms}), for example:"
        yield ""
        yield from _block(clipped(each.example.prompt, 600))
        yield ""
    if len(found) > _CLUSTERS:
        yield f"{len(found) - _CLUSTERS} more are in report.html."


def _transcripts(findings: Sequence[Finding], show: bool) -> Iterator[str]:
    found = shortest(findings)
    if not found:
        return
    yield "## The shortest success on each seed"
    yield ""
    for each in found[:_TRANSCRIPTS]:
        names = labels_of(each)
        tags = ", ".join((names.title, *names.owasp, *names.atlas))
        yield f"### `{each.seed_id}` by `{_inline(each.arm)}` ({tags})"
        yield ""
        for role, text in turns(each, show=show):
            yield from _block(f"{role}: {text}")
            yield ""
        yield "Judge:"
        yield ""
        yield from _block(reason(each, show=show) or "(no reason given)")
        yield ""
    if len(found) > _TRANSCRIPTS:
        yield f"{len(found) - _TRANSCRIPTS} more are in report.html."


def _block(text: str) -> Iterator[str]:
    """An indented block: Markdown reads nothing in it."""
    for line in text.split("\n"):
        yield f"    {line}"


def _inline(text: str) -> str:
    """Text inside a line or a table's cell."""
    return clipped(text, 200).replace("\n", " ").replace("`", "'").replace("|", "¦")
