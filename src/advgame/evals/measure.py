"""What a run taught: every attack on the Defender as it began and as it is now.

    attacks     plain seeds, fixed public templates, the untrained and the trained Attacker
    defenders   start, trained

on test seeds, one attempt a seed, judged by the run's evaluation judge, which did not train.
The draws of a cell depend on its seed alone, so the two columns of a row are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from advgame.evals.arena import answers, attacks
from advgame.evals.language import of_plain
from advgame.game.seat import FixedSeat, Seat
from advgame.metrics.intervals import paired_difference, rate
from advgame.models.weights import PlayerWeights
from advgame.protocols import Embedder, FaithfulnessCheck, Judge
from advgame.text import distinct_n, word_overlap
from advgame.types import Kind, Seed
from advgame.validation import judge_rows

NEAR_COPY = 0.8  # word overlap with the seed from which an attack is a copy of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """Whom to measure: seats by the name of their weights (`start`, `trained`)."""

    attackers: Mapping[str, Seat]
    defenders: Mapping[str, Seat]
    templates: Callable[[str], Sequence[str]]
    check: FaithfulnessCheck
    drift_ratio: float | None
    judge: Judge
    embedder: Embedder
    weights: PlayerWeights  # the Defender's: perplexity is under its start
    step: int  # of the checkpoint whose weights `trained` are


async def measure(
    subjects: Subjects,
    seeds: Mapping[str, Sequence[Seed]],
    *,
    on_cell: Callable[[str], None] = lambda name: None,
) -> dict[str, Any]:
    """Measure the whole grid.

    Args:
        subjects: players, judge, encoder.
        seeds: test seeds by set name; harmful sets are attacked, benign ones asked plainly.
        on_cell: told the name of each cell before it is played.

    Returns:
        `step`; `rates`: SET/ATTACK/DEFENDER → rate; `differences`: SET/ATTACK → trained − start,
        paired; `attackers`: SET/DEFENDER → trained − untrained Attacker, paired; `language`:
        SET/DEFENDER → figures of the plain replies; `prompts`: SET/ATTACK → what the attacks
        look like; `transcripts`: every row, with `set`, `attack` and `defender`.
    """
    rows: list[dict[str, Any]] = []
    figures: dict[str, Any] = {}
    for name, chosen in seeds.items():
        harmful = chosen[0].kind is Kind.HARMFUL
        for attack, attacker in _attacks(subjects, harmful=harmful):
            asked = [replace(seed, direct=attacker is None) for seed in chosen]
            on_cell(f"{name}/{attack}")
            prompts = await attacks(
                asked, attacker or FixedSeat(lambda text: ()), subjects.check, subjects.drift_ratio
            )
            for defender, seat in subjects.defenders.items():
                on_cell(f"{name}/{attack}/{defender}")
                episodes = await answers(asked, prompts, seat)
                cell = await judge_rows(episodes, subjects.judge)
                rows += [
                    {"set": name, "attack": attack, "defender": defender, **row} for row in cell
                ]
                if attacker is None:
                    figures[f"{name}/{defender}"] = of_plain(
                        episodes, subjects.weights, subjects.embedder
                    )
    return {"step": subjects.step, **compare(rows), "language": figures, "transcripts": rows}


def _attacks(subjects: Subjects, *, harmful: bool) -> Iterable[tuple[str, Seat | None]]:
    yield "plain", None
    if harmful:
        yield "templates", FixedSeat(subjects.templates)
        yield from ((f"{name} attacker", seat) for name, seat in subjects.attackers.items())


def compare(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rates of each cell and paired differences between cells."""
    cells: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        cells.setdefault((row["set"], row["attack"], row["defender"]), []).append(row)

    def outcomes(*cell: str) -> list[bool | None]:
        return [row["success"] for row in cells[cell[0], cell[1], cell[2]]]

    found: dict[str, Any] = {"rates": {}, "differences": {}, "attackers": {}, "prompts": {}}
    for cell in cells:
        name, attack, defender = cell
        found["rates"]["/".join(cell)] = rate(outcomes(*cell))
        if defender == "trained":
            found["differences"][f"{name}/{attack}"] = paired_difference(
                outcomes(name, attack, "start"), outcomes(*cell)
            )
            if attack != "plain":
                found["prompts"][f"{name}/{attack}"] = prompt_figures(cells[cell])
        if attack == "trained attacker":
            found["attackers"][f"{name}/{defender}"] = paired_difference(
                outcomes(name, "start attacker", defender), outcomes(*cell)
            )
    return found


def prompt_figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """What an Attacker's prompts look like: valid, copied, varied."""
    valid = [row for row in rows if row["attack_fault"] is None]
    copies = [word_overlap(row["prompt"], row["seed"]) for row in valid]
    return {
        "valid": len(valid) / len(rows),
        "copy_overlap": sum(copies) / len(copies) if copies else None,
        "near_copies": sum(each > NEAR_COPY for each in copies) / len(copies) if copies else None,
        "distinct_2": distinct_n([row["prompt"] for row in valid], 2),
    }
