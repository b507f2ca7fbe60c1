"""One round of the game: seeds → attack → check → defend → score → episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeAlias

from advgame.game.attack import attack
from advgame.game.check import Checked, check
from advgame.game.defend import Guide, defend
from advgame.game.score import Bench, score
from advgame.game.seat import Seat
from advgame.protocols import FaithfulnessCheck
from advgame.types import Episode, Kind, Scored, Seed

Stage: TypeAlias = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Everything a round needs besides its seeds."""

    attacker: Seat
    defender: Seat
    check: FaithfulnessCheck
    prompts_per_seed: int
    replies_per_prompt: int
    direct_replies: int
    drift_ratio: float | None


async def play(
    seeds: Sequence[Seed],
    table: Table,
    bench: Bench,
    *,
    draw: tuple[int, str, int],
    guides: Mapping[Kind, Guide] | None = None,
    stage: Stage = lambda name: nullcontext(),
) -> list[Episode[Scored]]:
    """Play and score one round.

    Args:
        seeds: s, direct ones included.
        table: who plays, and by which numbers.
        bench: who judges.
        draw: (run seed, stream, step): what all random draws are derived from.
        guides: guided sampling of the Defender, by kind of seed.
        stage: a context entered around each stage, with its name (timing, progress).

    Returns:
        One scored episode a seed, in order.
    """
    moved = await move(seeds, table, draw=draw, guides=guides, stage=stage)
    with stage("judge"):
        return await score(moved, bench)


async def move(
    seeds: Sequence[Seed],
    table: Table,
    *,
    draw: tuple[int, str, int],
    guides: Mapping[Kind, Guide] | None = None,
    stage: Stage = lambda name: nullcontext(),
) -> list[Episode[Checked]]:
    """The first half of a round, before the judges: what training and validation share."""
    with stage("attack"):
        prompts = await attack(seeds, table.attacker, prompts=table.prompts_per_seed, draw=draw)
    with stage("check"):
        checked = await check(seeds, prompts, table.check, drift_ratio=table.drift_ratio)
    with stage("defend"):
        return await defend(
            seeds,
            checked,
            table.defender,
            replies=table.replies_per_prompt,
            direct_replies=table.direct_replies,
            guides=guides or {},
            draw=draw,
        )
