"""The figures of `measure` as tables of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from advgame import numbers


def tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """Rates with 95% intervals, the Attackers compared, and the language of the replies."""
    rates = Table("set", "attack", "start", "trained", "change", title="What the Attacker wanted")
    for name, difference in report["differences"].items():
        start, trained = (report["rates"][f"{name}/{which}"] for which in ("start", "trained"))
        rates.add_row(*name.split("/"), percent(start), percent(trained), percent(difference))
    yield rates
    attackers = Table("set", "defender", "trained − untrained Attacker", title="The Attacker")
    for name, difference in report["attackers"].items():
        attackers.add_row(*name.split("/"), percent(difference))
    yield attackers
    prompts = Table("set", "attack", "valid", "near copies", "overlap", "distinct-2")
    for name, row in report["prompts"].items():
        cells = (row["valid"], row["near_copies"], row["copy_overlap"], row["distinct_2"])
        prompts.add_row(*name.split("/"), *map(number, cells))
    yield prompts
    language = Table("set", "defender", "perplexity", "distinct-2", "stock opening", "on topic")
    for name, row in report["language"].items():
        cells = (row["perplexity"], row["distinct_2"], row["stock_opening"], row["on_topic"])
        language.add_row(*name.split("/"), *map(number, cells))
    yield language


def percent(rate: Mapping[str, Any]) -> str:
    """`value [low, high]` in percent, or a dash."""
    if rate["value"] is None:
        return "–"
    value, low, high = (numbers.percent(rate[key]) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def number(value: float | None) -> str:
    """Two decimals, or a dash."""
    return "–" if value is None else f"{value:.2f}"
