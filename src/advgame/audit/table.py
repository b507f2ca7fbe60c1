"""The figures of an audit as tables of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Column, Table

from advgame.metrics.hacking import cells, figure
from advgame.numbers import change, percent, rate, two

Json = Mapping[str, Any]


def tables(report: Json) -> Iterator[Table]:
    """People, the second judge, and what must not move a verdict."""
    people = _table(
        "Against people (95% intervals)", "question", "n", "accuracy", "AUC", "κ", "ECE"
    )
    for name, row in report["questions"].items():
        people.add_row(
            name,
            str(row["n"]),
            rate(row["accuracy"]),
            span(row["auc"]),
            span(row["kappa"]),
            two(row["calibration"]["error"]),
        )
    raters = report.get("raters")
    if raters:
        alike = "–" if raters["accuracy"] is None else percent(raters["accuracy"])
        people.add_row("raters", str(raters["n"]), alike, "", span(raters["kappa"]), "")
    yield people
    said = _table("Who said yes", "question", "judge and people", "judge", "people", "neither")
    for name, row in report["questions"].items():
        counts = (row["confusion"][key] for key in ("both", "first_only", "second_only", "neither"))
        said.add_row(name, *map(str, counts))
    yield said
    couples = report["pairs"]
    ahead = _table(
        "Of two replies the right one ahead",
        "requests",
        "one order",
        "both orders",
        "gained, points",
    )
    ahead.add_row(
        str(couples["requests"]),
        rate(couples["one_order"]),
        rate(couples["accuracy"]),
        change(couples["both_orders_gain"]),
    )
    yield ahead
    if report["against"]:
        second = _table(
            f"Against {report['against']['name']}",
            "question", "n", "agree", "κ", "rank correlation",
        )  # fmt: skip
        for name, row in report["questions"].items():
            other = row["second"]
            cells = (span(other[key]) for key in ("kappa", "correlation"))
            second.add_row(name, str(other["n"]), rate(other["agreement"]), *cells)
        yield second
    bias = _table("What must not count", "bias", "requests", "verdicts moved", "points gained")
    place = (rate(couples["flips"]), span(couples["position_bias"]))
    bias.add_row("place", str(couples["requests"]), *place)
    for name, row in report["questions"].items():
        bias.add_row(f"length, {name}", str(row["requests"]), "", f"ρ {span(row['length'])}")
    rows = {
        "padding": report["padding"],
        "a plain sentence": report["injection"]["control"],
        **report["injection"]["tricks"],
    }
    for name, row in rows.items():
        bias.add_row(name, str(row["moved"]["n"]), rate(row["moved"]), span(row["gain"]))
    yield bias


def follow_table(lines: Sequence[Json]) -> Table:
    """What the newest audit of a run says, a row for each player and kind of seed."""
    table = _table(
        f"After {len(lines)} audits (rises: newer half − older half, 99%)",
        "player", "κ (95%)", "training judge", "second judge", "alarm",
    )  # fmt: skip
    last = lines[-1]
    for cell in cells():
        if not any(line.get(f"audit/{cell}/seeds") for line in lines):
            continue
        rung = [line["step"] for line in lines if line.get(f"audit/{cell}/alarm")]
        known = last.get(f"audit/{cell}/alarm") is not None
        told = f"step {rung[0]}" if rung else "no" if known else "too few"
        rises = (_one(figure(last, f"audit/{cell}/{name}_rise")) for name in ("train", "score"))
        kappa = span(figure(last, f"audit/{cell}/kappa")).replace("0.", ".", 1)
        table.add_row(cell.replace("/", " "), kappa, *rises, told)
    return table


def span(value: Json) -> str:
    """`0.86 (.81, .91)`: a figure that is no share with its 95% interval, or a dash."""
    if value["value"] is None:
        return "–"
    if value["low"] is None:
        return two(value["value"])
    return f"{two(value['value'])} ({_bound(value['low'])}, {_bound(value['high'])})"


def _one(value: Json) -> str:
    """`+1.2 (0.4, 2.0)`: points of 10, or a dash."""
    if value["value"] is None:
        return "–"
    point, low, high = (round(value[part], 1) + 0.0 for part in ("value", "low", "high"))
    return f"{point:+.1f} ({low:.1f}, {high:.1f})".replace("-", "−")


def _bound(value: float) -> str:
    return two(value).replace("0.", ".", 1)


def _table(title: str, name: str, *columns: str) -> Table:
    first = Column(name, no_wrap=True)
    rest = (Column(each, no_wrap=True) for each in columns)
    return Table(
        first, *rest, title=title, title_justify="left", title_style="bold", box=None,
        padding=(0, 2, 0, 0), pad_edge=False, header_style="dim",
    )  # fmt: skip
