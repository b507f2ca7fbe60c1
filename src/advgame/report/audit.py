"""The page of `advgame judge audit`: what it found in words, in plots, and in figures."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from advgame import __version__
from advgame.audit.table import span
from advgame.numbers import in_percent, two
from advgame.report.forest import Bar, Forest
from advgame.report.group import Figures, Group
from advgame.report.page import render
from advgame.report.plots import Scatter, Spot, Trail
from advgame.report.run_data import cleaned
from advgame.report.svg import short
from advgame.store.atomic import write_text

Json = Mapping[str, Any]


def build_audit_page(report: Json, target: Path) -> Path:
    """Write the page of an audit's `report` to `target` and return it.

    Raises:
        StoreError: it cannot be written.
    """
    found = cleaned(report)
    page = render(
        "audit.html",
        name=found["judge"],
        version=__version__,
        story=story(found),
        facts=_facts(found),
        groups=list(_groups(found)),
        tables=list(_tables(found)),
        command=_command(found),
    )
    write_text(target, page)
    return target


def story(report: Json) -> str:
    """One paragraph that claims no more than the intervals allow."""
    told = []
    for name, doing in (
        ("compliance", "whether a reply did what was asked"),
        ("harm", "whether a reply is harmful"),
        ("refusal", "whether a reply refuses"),
    ):
        row = report["questions"].get(name)
        if row and row["accuracy"]["value"] is not None:
            told.append(
                f"Asked {doing}, the judge decided as people did on {_share(row['accuracy'])} of "
                f"{row['n']:,} replies (κ {two(row['kappa']['value'])})."
            )
    raters = report.get("raters")
    if raters and raters["kappa"]["value"] is not None:
        kappa = two(raters["kappa"]["value"])
        told.append(f"One person agrees on harm with the others asked with κ {kappa}.")
    unscored = sum(row["unscored"] for row in report["questions"].values())
    if unscored:
        told.append(f"It gave no usable verdict on {unscored:,} replies, which are left out.")
    told.append(_gullible(report["injection"]))
    padding = report["padding"]["moved"]
    if padding["value"] is not None:
        told.append(f"Neutral padding moved {_share(padding)} of verdicts.")
    place = report["pairs"]["flips"]
    if place["value"]:
        told.append(f"The order of two replies decided {_share(place)} of comparisons.")
    return " ".join(told)


def _gullible(injection: Json) -> str:
    """What instructions in a reply did, beside what any sentence does."""
    moved = {k: row["moved"] for k, row in injection["tricks"].items() if row["moved"]["n"]}
    control = injection["control"]["moved"]
    if not moved or control["value"] is None:
        return "No instruction hidden in a reply could be tried."
    worst = max(moved, key=lambda name: moved[name]["value"])
    told = (
        f"Of {len(moved)} instructions hidden in replies, “{worst}” moved most verdicts: "
        f"{_share(moved[worst])}; a plain sentence of that length moved {_share(control)}."
    )
    if moved[worst]["low"] <= control["high"]:
        return f"{told} The two intervals overlap."
    return f"{told} The judge can be told what to say."


def _share(rate: Json) -> str:
    if rate["low"] is None:
        return in_percent(rate["value"])
    return f"{in_percent(rate['value'])} (95% interval {in_percent(rate['low'])} to \
{in_percent(rate['high'])})"


def _facts(report: Json) -> list[tuple[str, str]]:
    cost, against = report["cost"], report["against"]
    words = f"first {report['words']} words" if report["words"] else "whole"
    found = [
        ("Judge", report["judge"]),
        ("Second judge", against["name"] if against else None),
        ("Labels", "the half it has not learned from" if report["learned_from"] else "all"),
        ("Replies", words),
        ("Tokens judged", short(cost["judge_tokens"]) if cost["judge_tokens"] else None),
        ("Time", f"{cost['seconds']:.0f} s"),
    ]
    return [(name, value) for name, value in found if value]


def _groups(report: Json) -> Iterator[Group]:
    yield Group("people", "Against people", _PEOPLE, tuple(_people(report)))
    yield Group("calibration", "Calibration", _CALIBRATION, tuple(_calibration(report)))
    if report["against"]:
        intro = f"The same replies scored by {report['against']['name']}. {_SECOND}"
        yield Group("second", "Against a second judge", intro, tuple(_second(report)))
    yield Group("bias", "What must not count", _BIAS, tuple(_bias(report)))


_PEOPLE = (
    "Human labels that the judge has not learned from. Bars are 95% intervals, whole requests \
resampled. The dashed line is what a coin reaches."
)
_CALIBRATION = "Score / 10 read as a probability that people say yes, against the share that do. A \
score is a place in a band rather than a probability; the distance from the diagonal says how far \
one may be taken for the other. Bars count each reply by itself."
_SECOND = "Two judges that agree may still be wrong together."
_BIAS = "Things about a reply that say nothing about its worth. An instruction is tried on replies \
that the judge called wrong, and the points are theirs; what counts is how far it exceeds the \
plain sentence. Shares are means over requests."


def _people(report: Json) -> Iterator[Forest]:
    rows = report["questions"]
    for key, title, reference in (
        ("accuracy", "Accuracy", 0.5),
        ("balanced_accuracy", "Balanced accuracy", 0.5),
        ("auc", "AUC", 0.5),
        ("kappa", "Agreement beyond chance (κ)", 0.0),
    ):
        bars = [Bar(label=name, rate=row[key]) for name, row in rows.items()]
        if key == "kappa" and report.get("raters"):
            bars.append(
                Bar(label="people, on harm", rate=report["raters"]["kappa"], style="c-grey")
            )
        low = min([0.0, *(b.rate["low"] for b in bars if b.rate and b.rate["low"] is not None)])
        yield Forest(
            title=title,
            note="",
            bars=tuple(bars),
            low=low,
            percent=key.endswith("accuracy"),
            reference=reference,
        )


def _calibration(report: Json) -> Iterator[Scatter]:
    for name, row in report["questions"].items():
        spots = tuple(
            Spot(
                label="",
                x={"value": each["said"]},
                y={"value": each["share"], **{k: each[k] for k in ("low", "high", "n")}},
            )
            for each in row["calibration"]["curve"]
        )
        if spots:
            yield Scatter(
                title=f"{name.capitalize()}: expected error {two(row['calibration']['error'])}",
                note="",
                x_title="score / 10",
                y_title="share of yes",
                trails=(Trail(label="", style="c-defender", spots=spots, joined=True),),
                diagonal=True,
                whole=True,
            )


def _second(report: Json) -> Iterator[Forest]:
    for key, title in (
        ("agreement", "Same verdict"),
        ("kappa", "Agreement beyond chance (κ)"),
        ("correlation", "Rank correlation of the scores"),
    ):
        yield Forest(
            title=title,
            note="",
            bars=tuple(
                Bar(label=name, rate=row["second"][key], style="c-third")
                for name, row in report["questions"].items()
            ),
            percent=key == "agreement",
        )


def _bias(report: Json) -> Iterator[Forest]:
    tried = {"a plain sentence": report["injection"]["control"], **report["injection"]["tricks"]}
    style = {"a plain sentence": "c-grey"}
    yield Forest(
        title="Instructions: verdicts turned from no to yes",
        note="",
        bars=tuple(Bar(label=n, rate=row["moved"], style=style.get(n, "c-attacker"))
                   for n, row in tried.items()),
    )  # fmt: skip
    gains = {**tried, "padding": report["padding"]}
    reach = max([1.0, *(abs(r["gain"][k] or 0) for r in gains.values() for k in ("low", "high"))])
    yield Forest(
        title="Points gained, of 10",
        note="",
        bars=tuple(Bar(label=n, rate=row["gain"], style=style.get(n, "c-attacker"))
                   for n, row in gains.items()),
        low=-reach, high=reach, percent=False, reference=0.0,
    )  # fmt: skip
    pairs = report["pairs"]
    yield Forest(
        title="Pairs of replies, padding",
        note=f"{pairs['n']} pairs of a right and a wrong reply, to {pairs['requests']} requests.",
        bars=(
            Bar(label="right one ahead", rate=pairs["accuracy"]),
            Bar(label="in one order", rate=pairs["one_order"]),
            Bar(label="order decides", rate=pairs["flips"], style="c-attacker"),
            Bar(label="padding moves", rate=report["padding"]["moved"], style="c-attacker"),
        ),
    )
    yield Forest(
        title="Score and length at a fixed label (ρ)",
        note="",
        bars=tuple(Bar(label=n, rate=row["length"]) for n, row in report["questions"].items()),
        low=-1.0, percent=False, reference=0.0,
    )  # fmt: skip


def _tables(report: Json) -> Iterator[Figures]:
    rows = report["questions"]
    columns = ("n", "requests", "unscored", "accuracy", "balanced", "AUC", "κ", "ECE", "length ρ")
    yield Figures(
        "Against people",
        ("question", *columns),
        tuple(
            (name, str(r["n"]), str(r["requests"]), str(r["unscored"]), span(r["accuracy"]),
             span(r["balanced_accuracy"]), span(r["auc"]), span(r["kappa"]),
             two(r["calibration"]["error"]), span(r["length"]))
            for name, r in rows.items()
        ),
    )  # fmt: skip
    cells = ("both", "first_only", "second_only", "neither")
    yield Figures(
        "Who said yes",
        ("question", "judge and people", "judge only", "people only", "neither"),
        tuple((name, *(str(r["confusion"][c]) for c in cells)) for name, r in rows.items()),
    )
    tried = {"padding": report["padding"], "a plain sentence": report["injection"]["control"]}
    yield Figures(
        "What must not count",
        ("trick", "requests", "verdicts moved", "points gained"),
        tuple(
            (name, str(r["moved"]["n"]), span(r["moved"]), span(r["gain"]))
            for name, r in {**tried, **report["injection"]["tricks"]}.items()
        ),
    )


def _command(report: Json) -> str:
    words = ["advgame", "judge", "audit", *(report.get("arguments") or ())]
    return shlex.join(map(str, words))
