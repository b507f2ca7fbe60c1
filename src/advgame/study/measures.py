"""What the records of a study hold: outcomes seed by seed, and the measures made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, TypeAlias

Record: TypeAlias = Mapping[str, Any]
Runs: TypeAlias = Mapping[int, Record]  # the records of an arm by run seed
Row: TypeAlias = list[float | None]  # an outcome a prompt
Pair: TypeAlias = tuple[Row, ...]  # the other arm's, the reference's
Pairs: TypeAlias = Mapping[int, Pair]  # by run seed
Asked: TypeAlias = tuple[tuple[str, ...], object]  # the ids of its seeds, whose prompts

PRIMARY = "primary"
PLAIN = "harmful/plain"


def evaluation(record: Record) -> Any:
    """The part of a record that measures."""
    return record["evaluation"]


def outcomes(record: Record, cells: Sequence[str]) -> list[float | None]:
    """The outcomes of a cell, a value a seed: 1 the Attacker got what it wants, None unscored.

    Of several cells on the same seeds: their mean, None where one of them is unscored.
    """
    marks = zip(*(evaluation(record)["cells"][name]["outcomes"] for name in cells), strict=True)
    return [None if "?" in each else each.count("1") / len(each) for each in marks]


def shared(reference: Runs, other: Runs, primary: Sequence[str]) -> dict[str, Pairs]:
    """The measures that runs of one seed have in both arms, the main one first.

    A run that lacks a measure, or was asked other seeds or by another Attacker than its pair, is
    left out of that measure.
    """
    seeds = [seed for seed in reference if seed in other]
    names = dict.fromkeys(name for seed in seeds for name in evaluation(reference[seed])["cells"])
    met = {seed: (asked_by(other[seed]), asked_by(reference[seed])) for seed in seeds}
    found: dict[str, Pairs] = {}
    for name, cells in measures(names, primary).items():
        pairs = {
            seed: _both(other[seed], reference[seed], cells)
            for seed in seeds
            if all(alike(*met[seed], cell) for cell in cells)
        }
        if pairs:
            found[name] = pairs
    return found


def asked_by(run: Record) -> dict[str, Asked]:
    """What filled each cell of a record.

    A configuration trained twice makes two Attackers, so the hash of their prompts counts, too.
    """
    found = evaluation(run)
    return {
        name: (seeds_of(found, name), (cell["by"], cell.get("prompts")))
        for name, cell in found["cells"].items()
    }


def seeds_of(found: Mapping[str, Any], cell: str) -> tuple[str, ...]:
    """The ids of the seeds of a cell, in the order of its outcomes."""
    sets = [name for name in found["seeds"] if cell.startswith(f"{name}/")]
    return tuple(found["seeds"][max(sets, key=len)]) if sets else ()


def alike(ours: Mapping[str, Asked], theirs: Mapping[str, Asked], cell: str) -> bool:
    """Whether two runs, told by `asked_by`, both have a cell and were asked the same there."""
    if cell not in ours or cell not in theirs:
        return False
    (seeds, by), (their_seeds, their_by) = ours[cell], theirs[cell]
    own = cell.partition("/")[2].startswith("own attacker")  # two arms face two different ones
    return seeds == their_seeds and (own or by == their_by)


def _both(before: Record, after: Record, cells: Sequence[str]) -> Pair:
    return both(outcomes(before, cells), outcomes(after, cells))


def both(before: Row, after: Row) -> Pair:
    """Two rows less what is unscored in either: the same prompts make both means."""
    pairs = list(zip(before, after, strict=True))
    known = [b is not None and a is not None for b, a in pairs]
    return tuple(
        [value if both else None for value, both in zip(side, known, strict=True)]
        for side in zip(*pairs, strict=True)
    )


def main_measure(primary: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The study's one main measure and its cells: the primary one, or plain harmful seeds."""
    return (PRIMARY, primary) if primary else (PLAIN, (PLAIN,))


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
