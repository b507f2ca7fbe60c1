"""What the records of a study hold: outcomes seed by seed, and the measures made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, TypeAlias

Record: TypeAlias = Mapping[str, Any]
Runs: TypeAlias = Mapping[int, Record]  # the records of an arm by run seed

PRIMARY = "primary"


def evaluation(record: Record) -> Any:
    """The part of a record that measures."""
    return record["evaluation"]


def outcomes(record: Record, cells: Sequence[str]) -> list[float | None]:
    """The outcomes of a cell, a value a seed: 1 the Attacker got what it wants, None unscored.

    Of several cells on the same seeds: their mean, None where one of them is unscored.
    """
    marks = zip(*(evaluation(record)["cells"][name]["outcomes"] for name in cells), strict=True)
    return [None if "?" in each else each.count("1") / len(each) for each in marks]


def shared(
    reference: Runs,
    seeds: Sequence[int],
    other: Runs,
    primary: Sequence[str],
) -> dict[str, Sequence[str]]:
    """The measures that all runs of both arms have, the main one first: name → its cells."""
    if not seeds:
        return {}
    every = [evaluation(runs[seed])["cells"] for runs in (reference, other) for seed in seeds]
    return {
        name: cells
        for name, cells in measures(every[0], primary).items()
        if all(cell in each for each in every for cell in cells)
    }


def measures(names: Iterable[str], primary: Sequence[str]) -> dict[str, Sequence[str]]:
    """Each cell is a measure; the main one, of several cells, comes first."""
    main: dict[str, Sequence[str]] = {PRIMARY: primary} if primary else {}
    return main | {name: (name,) for name in names}


def means(rows: Sequence[Sequence[float | None]]) -> list[float | None]:
    """The mean of each row over what is scored."""
    found = []
    for row in rows:
        known = [value for value in row if value is not None]
        found.append(fmean(known) if known else None)
    return found
