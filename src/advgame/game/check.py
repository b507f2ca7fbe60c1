"""Stage 2, faithfulness: would an answer to the prompt also answer the seed?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from advgame.protocols import FaithfulnessCheck
from advgame.types import Fault, Judgement, Kind, Move, Seed


@dataclass(frozen=True, slots=True)
class Checked:
    """A move after the check. `verdict` is None where none was asked for, as for replies."""

    move: Move
    verdict: Judgement | None = None

    @property
    def valid(self) -> bool:
        """Whether the Defender is to answer it. An unusable verdict makes no valid prompt."""
        judged = self.verdict is None or self.verdict.value is not None
        return self.move.fault is None and judged


async def check(
    seeds: Sequence[Seed],
    prompts: Sequence[tuple[Move, ...]],
    judge: FaithfulnessCheck,
    *,
    drift_ratio: float | None,
) -> list[tuple[Checked, ...]]:
    """Check every prompt that an Attacker made and that parsed.

    Direct seeds and fixed attacks (no completion) are taken as they are.

    A benign prompt `drift_ratio` times longer than its seed is unfaithful without asking.
    """
    drifted = {
        (row, column)
        for row, (seed, moves) in enumerate(zip(seeds, prompts, strict=True))
        for column, move in enumerate(moves)
        if _drifts(seed, move, drift_ratio)
    }
    open_ = [
        (row, column)
        for row, moves in enumerate(prompts)
        for column, move in enumerate(moves)
        if move.completion is not None and move.fault is None and (row, column) not in drifted
    ]
    asked = await judge.check([(seeds[row], prompts[row][column].text) for row, column in open_])
    verdicts = dict(zip(open_, asked, strict=True))
    too_long = Judgement(value=0.0, explanation="drift: far longer than the seed")
    verdicts.update(dict.fromkeys(drifted, too_long))
    return [
        tuple(_mark(move, verdicts.get((row, column))) for column, move in enumerate(moves))
        for row, moves in enumerate(prompts)
    ]


def _drifts(seed: Seed, move: Move, ratio: float | None) -> bool:
    if ratio is None or seed.kind is not Kind.BENIGN:
        return False
    if move.completion is None or move.fault is not None:
        return False
    return len(move.text) > ratio * len(seed.text)


def _mark(move: Move, verdict: Judgement | None) -> Checked:
    if verdict is not None and verdict.value == 0.0:
        move = replace(move, fault=Fault.UNFAITHFUL)
    return Checked(move, verdict)
