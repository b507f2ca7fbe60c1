"""`report.html`: what a campaign found on one page that asks nothing of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advgame import __version__
from advgame.numbers import change, rate, two
from advgame.redteam.report.clusters import clusters
from advgame.redteam.report.figures import levels, shortest
from advgame.redteam.report.markdown import title
from advgame.redteam.report.redact import clipped, reason, turns
from advgame.redteam.taxonomy import labels_of
from advgame.redteam.values import Finding
from advgame.report.forest import Bar, Forest
from advgame.report.group import Figures, Group
from advgame.report.page import render

_TRANSCRIPTS, _CLUSTERS, _FAILED = 200, 100, 100


def page(
    findings: Sequence[Finding], figures: Mapping[str, Any], facts: Mapping[str, str], *, show: bool
) -> str:
    """The page; the arguments are those of `summary`."""
    found = shortest(findings)
    kinds = clusters(findings)
    failed = [each for each in findings if each.success is None]
    return render(
        "redteam.html",
        name=clipped(facts["Target"], 120),
        version=__version__,
        facts=[(key, clipped(value, 300)) for key, value in facts.items()],
        story=_story(figures),
        groups=list(_groups(figures)),
        tables=list(_tables(figures)),
        clusters=[
            {
                "count": len(each.members),
                "seeds": each.seeds,
                "arms": sorted({clipped(member.arm, 80) for member in each.members}),
                "prompt": clipped(each.example.prompt),
            }
            for each in kinds[:_CLUSTERS]
        ],
        clusters_of=len(kinds),
        transcripts=[_transcript(each, show) for each in found[:_TRANSCRIPTS]],
        transcripts_of=len(found),
        failed=[(each.id, each.state.value, reason(each, show=show)) for each in failed[:_FAILED]],
        failed_of=len(failed),
        shown=show,
    )


def _story(figures: Mapping[str, Any]) -> str:
    said = [
        f"{figures['broken_seeds']} of {figures['seeds']} seeds were broken by at least one "
        f"strategy, each of which had {figures['requests_a_seed']} requests a seed."
    ]
    if figures["compared"]:
        said.append(f"Against the others, at equal requests, {figures['main']} adds:")
        said.append(
            "; ".join(
                f"{change(row)} percentage points over {name}"
                for name, row in figures["compared"].items()
            )
            + " (95% intervals; one that holds 0 shows no difference)."
        )
    return clipped(" ".join(said), 3_000)


def _groups(figures: Mapping[str, Any]) -> Iterator[Group]:
    k, arms = figures["requests_a_seed"], figures["arms"]
    charts = [
        Forest(
            title=f"ASR@{at}",
            note="share of seeds broken "
            + ("by the first attempt" if at == 1 else f"within {k} requests"),
            bars=_bars({name: row[key] for name, row in arms.items()}),
        )
        for at, key in levels(k)
    ]
    yield Group("rates", "Attack success", "Shares of seeds with 95% intervals.", tuple(charts))
    categories = figures["categories"]
    yield Group(
        "categories",
        "By category",
        f"Share of a category's seeds broken within {k} requests. Few seeds, wide intervals.",
        tuple(
            Forest(title=title(category), note="", bars=_bars(rates))
            for category, rates in categories.items()
        ),
    )


def _bars(rates: Mapping[str, Any]) -> tuple[Bar, ...]:
    return tuple(Bar(label=clipped(name, 60), rate=rate) for name, rate in rates.items())


def _tables(figures: Mapping[str, Any]) -> Iterator[Figures]:
    k, arms = figures["requests_a_seed"], figures["arms"]
    yield Figures(
        "Strategies",
        (
            "strategy", *(f"ASR@{at}" for at, _ in levels(k)),
            "seeds", "unscored", "requests", "distinct-2", "overlap",
        ),
        tuple(
            (
                clipped(name, 120), *(rate(row[key]) for _, key in levels(k)),
                str(row["at_k"]["n"]), str(row["at_k"]["unscored"]), str(row["requests"]),
                *(two(row[key]) for key in ("distinct_2", "self_overlap")),
            )
            for name, row in arms.items()
        ),
    )  # fmt: skip
    yield Figures(
        "How attempts ended",
        ("strategy", "attempts", "of them"),
        tuple(
            (
                clipped(name, 120), str(row["attempts"]),
                ", ".join(f"{count} {state}" for state, count in row["states"].items()),
            )
            for name, row in arms.items()
        ),
    )  # fmt: skip
    agreed = figures["agreement"]
    if agreed:
        yield Figures(
            "The second judge",
            ("replies both scored", "same word", "Cohen's kappa"),
            ((str(agreed["same"]["n"]), rate(agreed["same"]), two(agreed["kappa"])),),
        )


def _transcript(finding: Finding, show: bool) -> dict[str, Any]:
    names = labels_of(finding)
    second = finding.second
    return {
        "id": finding.id,
        "seed": clipped(finding.seed, 300),
        "arm": clipped(finding.arm, 80),
        "category": names.title,
        "tags": (names.title, *names.owasp, *names.atlas),
        "turns": list(turns(finding, show=show)),
        "score": finding.verdict.score if finding.verdict else None,
        "reason": reason(finding, show=show),
        "second": None if second is None else second.success,
    }
