"""What `advgame measure` found on test seeds, from the file it left in the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from advgame.numbers import in_percent, in_points, two
from advgame.report.forest import Bar, Forest
from advgame.report.group import Figures, Group
from advgame.report.plots import spanned
from advgame.report.run_data import Json, cleaned
from advgame.store.damage import DAMAGE

FILE = "measure.json"

_INTRO = (
    "Every attack on the Defender as it began (grey) and as it is {now}, by advgame measure: on "
    "seeds that no training step saw, one attempt each, by {judge}. Both "
    "Defenders got the same prompts, so a change is paired. Intervals are of 95% over seeds; one "
    "that holds 0 allows for no change."
)
_WEIGHTS = {
    "policy": " with its trained weights",
    "ema": " with the average of its weights",
}
_STAGES = (("start", "before", "c-grey"), ("trained", "after", "c-defender"))
_ATTACKS = {
    "plain": "plain",
    "templates": "templates",
    "start attacker": "untrained Attacker",
    "trained attacker": "trained Attacker",
}
_ORDER = tuple(_ATTACKS)


def measured_group(run: Path) -> Group:
    """The figures of `RUN/measure.json`; empty if it is not there or holds something else."""
    charts: tuple[Forest, ...] = ()
    tables: tuple[Figures, ...] = ()
    now, judge = "now", "the judge that did not train"
    try:
        report = cleaned(json.loads((run / FILE).read_bytes()))
        if "step" in report:  # older files lack it
            now = f"at step {report['step']:,}"
        now += _WEIGHTS.get(report.get("weights"), "")
        if report.get("judge_trained_this_run"):
            judge = "a judge that trained these players, so rates may flatter"
        charts, tables = tuple(_charts(report)), tuple(_tables(report))
    except (OSError, *DAMAGE):
        charts = ()
    return Group(
        "measured", "Measured on test seeds", _INTRO.format(now=now, judge=judge), charts, tables
    )


def _charts(report: Json) -> Iterator[Forest]:
    rates, attacked = report["rates"], _attacked(report)
    changes = {cell: report["differences"][cell] for cell in _ordered(report)}
    for title, harmful, name in (
        ("Attack success on harmful requests", True, _attack),
        ("Over-refusal of benign requests", False, _set),
    ):
        bars = tuple(
            Bar(label=f"{name(cell)}, {word}", rate=rates[f"{cell}/{which}"], style=style)
            for cell in changes
            if (_set(cell) in attacked) is harmful
            for which, word, style in _STAGES
        )
        if bars:
            yield Forest(title=title, note="", bars=bars)
    named = {(_attack if _set(c) in attacked else _set)(c): rate for c, rate in changes.items()}
    yield from _differences("Change by training", named, "c-defender")
    against = {f"Defender {_stage(name)}": rate for name, rate in report["attackers"].items()}
    yield from _differences("What training adds to the Attacker", against, "c-attacker")


def _differences(title: str, found: Json, style: str) -> Iterator[Forest]:
    ends = [abs(r[key]) for r in found.values() for key in ("low", "high") if r[key] is not None]
    if ends:
        reach = max(0.05, *ends)
        yield Forest(
            title=title,
            note="Trained minus untrained, in points.",
            bars=tuple(Bar(label=name, rate=rate, style=style) for name, rate in found.items()),
            low=-reach,
            high=reach,
            points=True,
            reference=0.0,
        )


def _tables(report: Json) -> Iterator[Figures]:
    rates, attacked = report["rates"], _attacked(report)

    def harmful_first(row: tuple[str, Json]) -> bool:
        return _set(row[0]) not in attacked

    yield Figures(
        "What the Attacker wanted",
        ("set", "attack", "before", "after", "change, points"),
        tuple(
            (
                _set(cell), _attack(cell),
                *(spanned(rates[f"{cell}/{which}"], in_percent) for which, *_ in _STAGES),
                spanned(report["differences"][cell], in_points),
            )
            for cell in _ordered(report)
        ),
        note="A harmful request answered, a benign one refused.",
    )  # fmt: skip
    yield Figures(
        "The prompts",
        ("set", "attack", "valid", "near copies", "overlap with the seed", "distinct-2"),
        tuple(
            (_set(cell), _attack(cell), _share(row["valid"]), _share(row["near_copies"]),
             two(row["copy_overlap"]), two(row["distinct_2"]))
            for cell in _ordered(report)
            if (row := report["prompts"].get(cell))
        ),
        note="A prompt with a fault is a failed attack.",
    )  # fmt: skip
    yield Figures(
        "Is it still language?",
        ("set", "Defender", "perplexity", "distinct-2", "stock opening", "on topic", "tokens"),
        tuple(
            (_set(cell), _stage(cell), two(row["perplexity"]),
             two(row["distinct_2"]), _share(row["stock_opening"]), two(row["on_topic"]),
             f"{row['tokens']:.0f}")
            for cell, row in sorted(report["language"].items(), key=harmful_first)
        ),
        note="Of replies to plain requests: perplexity under the untrained model, the share that "
        "open with the commonest seven words, mean cosine between request and reply.",
    )  # fmt: skip


def _parts(name: str) -> tuple[str, str]:
    """SET and what stands behind it: a set's own name may hold a slash."""
    first, _, last = name.rpartition("/")
    return first, last


def _set(cell: str) -> str:
    return _parts(cell)[0]


def _attack(cell: str) -> str:
    attack = _parts(cell)[1]
    return _ATTACKS.get(attack, attack)


def _stage(cell: str) -> str:
    """before or after, of SET/DEFENDER."""
    defender = _parts(cell)[1]
    return next((word for which, word, _ in _STAGES if which == defender), defender)


def _attacked(report: Json) -> set[str]:
    """The harmful sets: benign ones are only asked plainly."""
    return {_set(cell) for cell in report["prompts"]}


def _ordered(report: Json) -> list[str]:
    """SET/ATTACK, harmful sets first; the file is in no order that means anything."""
    attacked = _attacked(report)

    def place(cell: str) -> tuple[bool, str, int]:
        name, attack = _parts(cell)
        return name not in attacked, name, (*_ORDER, attack).index(attack)

    return sorted(report["differences"], key=place)


def _share(value: float | None) -> str:
    return "–" if value is None else in_percent(value)
