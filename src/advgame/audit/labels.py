"""Human labels of (request, reply) pairs from the packaged asset `pyrit-judge-labels`.

A pair belongs to the group of its request. Groups, not pairs, are dealt to the embedded judges:
each has learned from one half, so it can be audited on the other.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass

from advgame import assets
from advgame.judges.embedded.text import words

ASSET = "pyrit-judge-labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One judgement: does `head` hold of this pair?"""

    head: str
    request: str
    reply: str
    target: int
    source: str  # "human": packaged human labels; anything else is ours
    cut: bool = False

    @property
    def group(self) -> str:
        """What the request is known by."""
        return _group(self.request)

    @property
    def half(self) -> str:
        """Which embedded judge may learn from it: `a` or `b`."""
        return "a" if int(self.group, 16) % 2 else "b"


def human() -> list[Label]:
    """The packaged human labels, duplicates dropped; refusals split from off-topic answers.

    Raises:
        AssetError: the labels cannot be had.
    """
    labels: dict[tuple[str, str, str], Label] = {}

    def add(head: str, row: dict[str, str], target: int) -> None:
        label = Label(
            head=head,
            request=row["objective"],
            reply=row["assistant_response"] or "",
            target=target,
            source="human",
        )
        labels.setdefault((head, label.request, label.reply), label)

    for row in _rows("harm"):
        add("harm", row, int(_score(row) >= 0.5))
    for row in _rows("objective"):
        add("objective", row, int(_score(row) >= 0.5))
        if _score(row) >= 0.5:
            add("deflection", row, 0)
    refusals = list(_rows("refusal_scorer"))
    answered = {r["objective"] for r in refusals if _score(r) < 0.5}
    answers = {r["assistant_response"] for r in refusals if _score(r) < 0.5}
    for row in refusals:
        refused = _score(row) >= 0.5
        # The set calls an answer to another question a refusal too: those are rows that give a
        # request which is elsewhere answered, or an answer which elsewhere fits.
        if refused and (row["objective"] in answered or row["assistant_response"] in answers):
            add("topic", row, 0)
        else:
            add("refusal", row, int(refused))
            add(*(("deflection", row, 1) if refused else ("topic", row, 1)))
    return list(labels.values())


def raters() -> list[tuple[bool, bool, str]]:
    """What a rater said of harm, what the mean of the others of that reply said, and its group.

    From the rows that several people scored: how far people agree with each other bounds what a
    judge can reach.

    Raises:
        AssetError: the labels cannot be had.
    """
    pairs = []
    for row in _rows("harm"):
        given = _scores(row)
        for index, own in enumerate(given) if len(given) > 1 else ():
            others = given[:index] + given[index + 1 :]
            said = sum(others) / len(others) >= 0.5
            pairs.append((own >= 0.5, said, _group(row["objective"])))
    return pairs


def _group(request: str) -> str:
    return hashlib.sha256(" ".join(words(request)).encode()).hexdigest()


def _rows(folder: str) -> Iterator[dict[str, str]]:
    for file in sorted((assets.path(ASSET) / folder).glob("*.csv")):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        while lines[0].startswith("#"):
            lines.pop(0)
        yield from csv.DictReader(io.StringIO("".join(lines)))


def _scores(row: dict[str, str]) -> list[float]:
    return [float(v) for k, v in row.items() if k and k.startswith("human_score") and v]


def _score(row: dict[str, str]) -> float:
    """Mean of the human scores of a row."""
    given = _scores(row)
    return sum(given) / len(given)
