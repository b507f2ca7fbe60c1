"""The figures of `measure` as tables of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from advgame.numbers import change, rate, two


def tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """Rates with 95% intervals, the Attackers compared, and the language of the replies."""
    rates = Table(
        "set", "attack", "start", "trained", "change, points", title="What the Attacker wanted"
    )
    for name, difference in report["differences"].items():
        start, trained = (report["rates"][f"{name}/{which}"] for which in ("start", "trained"))
        rates.add_row(*name.split("/"), rate(start), rate(trained), change(difference))
    yield rates
    attackers = Table(
        "set", "defender", "trained − untrained Attacker, points", title="The Attacker"
    )
    for name, difference in report["attackers"].items():
        attackers.add_row(*name.split("/"), change(difference))
    yield attackers
    prompts = Table("set", "attack", "valid", "near copies", "overlap", "distinct-2")
    for name, row in report["prompts"].items():
        cells = (row["valid"], row["near_copies"], row["copy_overlap"], row["distinct_2"])
        prompts.add_row(*name.split("/"), *map(two, cells))
    yield prompts
    language = Table("set", "defender", "perplexity", "distinct-2", "stock opening", "on topic")
    for name, row in report["language"].items():
        cells = (row["perplexity"], row["distinct_2"], row["stock_opening"], row["on_topic"])
        language.add_row(*name.split("/"), *map(two, cells))
    yield language
