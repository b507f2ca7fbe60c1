"""The last validations of several runs: answers side by side, and paired differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from advgame.config.judges import identity
from advgame.metrics.intervals import paired_difference
from advgame.store.reader import RunReader
from advgame.success import WANTED
from advgame.types import Kind

Answers: TypeAlias = Mapping[tuple[str, str], Mapping[str, Any]]
"""(mode, seed) → a row of a validation report."""

PAIRS = 12  # questions shown of each kind
_CELLS = tuple((mode, kind) for mode in ("direct", "attacked") for kind in Kind)


def last_answers(readers: Mapping[str, RunReader]) -> dict[str, Answers]:
    """NAME → what the last weights of that run answered; empty without a validation."""
    reports = {name: reader.validations()[-1:] for name, reader in readers.items()}
    return {
        name: {(row["mode"], row["id"]): row for each in found for row in each["transcripts"]}
        for name, found in reports.items()
    }


def transcripts(answers: Mapping[str, Answers]) -> list[dict[str, Any]]:
    """Questions that every run was asked, changed outcomes first, `PAIRS` of each mode and kind."""
    first = next(iter(answers.values()))
    found = [
        {
            **{part: first[key][part] for part in ("id", "kind", "mode", "seed")},
            "answers": {
                name: {part: each[key][part] for part in ("prompt", "reply", "score", "success")}
                for name, each in answers.items()
            },
        }
        for key in first
        if all(key in each for each in answers.values())
    ]
    found.sort(key=lambda row: not _changed(row["answers"].values()))
    return [
        row
        for cell in _CELLS
        for row in [each for each in found if (each["mode"], each["kind"]) == cell][:PAIRS]
    ]


def _changed(answers: Iterable[Mapping[str, Any]]) -> bool:
    """Whether two of the answers had another outcome; one without a score had none."""
    return len({each["success"] for each in answers} - {None}) > 1


def differences(
    answers: Mapping[str, Answers], readers: Mapping[str, RunReader]
) -> list[dict[str, Any]]:
    """Each further run minus the first, on the questions that both were asked.

    Returns:
        A row for each of these runs and each rate of the first one's last validation: `metric`
        (as in a validation's `rates`), `first`, `second`, `value`, `low`, `high` and `n`. What
        cannot be compared has a `value` of None, and `because` says why.
    """
    first, *others = readers
    return [
        {"metric": f"{mode}/{kind}/{WANTED[kind]}", "first": first, "second": other, **difference}
        for other in others
        for (mode, kind), difference in _compared(
            answers[first], answers[other], _why_not(readers[first], readers[other])
        )
    ]


def _compared(
    first: Answers, second: Answers, why_not: str
) -> Iterator[tuple[tuple[str, Kind], dict[str, Any]]]:
    for mode, kind in _CELLS:
        asked = [key for key, row in first.items() if (row["mode"], row["kind"]) == (mode, kind)]
        both = [
            (first[key]["success"], second[key]["success"])
            for key in asked
            if not why_not and key in second and first[key]["seed"] == second[key]["seed"]
        ]
        if asked:
            found = paired_difference([one for one, _ in both], [other for _, other in both])
            why = why_not or ("" if found["n"] else "no question of this kind in common")
            yield (mode, kind), {**found, "because": why}


def _why_not(first: RunReader, second: RunReader) -> str:
    same = identity(first.config.judges.measuring) == identity(second.config.judges.measuring)
    return "" if same else "evaluated by different judges"
