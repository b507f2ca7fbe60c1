"""Validation: the live players on validation seeds, judged by the judge that does not train.

The same seeds and the same draws every time, so that two validations differ by the weights alone
and can be compared pair by pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from advgame.config.root import RunConfig, ValidationConfig
from advgame.game.check import Checked
from advgame.game.play import Table, move
from advgame.metrics.intervals import Rate, rate
from advgame.protocols import Judge, JudgeGroup
from advgame.seeds.load import SeedPool, load
from advgame.seeds.schedule import batch
from advgame.success import SUCCESS, WANTED
from advgame.types import Episode, Judgement, Kind, Role, Seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A fixed set of seeds, who answers them, and who judges the answers."""

    seeds: tuple[Seed, ...]
    table: Table
    judge: Judge
    run_seed: int

    async def report(self, step: int) -> dict[str, Any]:
        """Play and judge every seed once.

        Returns:
            `{"step", "rates": {NAME: {value, low, high, n, unscored}}, "transcripts": [...]}`.
            An invalid attack has failed. A valid one without a valid reply (it was cut off where
            that is a fault, or nothing could be read) or with one that the judge could not score
            is unscored, neither a success nor a failure.
        """
        episodes = await move(self.seeds, self.table, draw=(self.run_seed, "validation", 0))
        rows = await judge_rows(episodes, self.judge)
        return {"step": step, "rates": _rates(rows), "transcripts": rows}


def validation_pool(config: RunConfig) -> SeedPool:
    """The seeds that validation draws from; what it does not ask for need not be there.

    Raises:
        SeedError, AssetError: they are not to be had.
    """
    told = config.train.validation
    asked = [k for k in Kind if getattr(told.direct, k) or getattr(told.attacked, k)]
    return load(config.seeds, "validation", asked if told.every else ())


async def judge_rows(episodes: Sequence[Episode[Checked]], judge: Judge) -> list[dict[str, Any]]:
    """Judge the one reply to the one prompt of each episode by what the Attacker wants.

    Returns:
        A JSON-ready row an episode, in order; `success` is None where a judge had no usable word.
    """
    answered = [episode for episode in episodes if _reply(episode) is not None]
    words = await judge.judge(
        [
            JudgeGroup(
                role=Role.ATTACKER,
                seed=episode.seed,
                request=episode.seed.text,
                replies=(_reply(episode) or "",),
            )
            for episode in answered
        ]
    )
    said = {id(episode): word for episode, (word,) in zip(answered, words, strict=True)}
    return [_row(episode, said.get(id(episode))) for episode in episodes]


def rate_names(config: ValidationConfig) -> list[str]:
    """Names of the rates that a report of such a validation holds."""
    asked = (("direct", config.direct), ("attacked", config.attacked))
    return [
        f"{mode}/{kind}/{WANTED[kind]}"
        for mode, counts in asked
        for kind in Kind
        if getattr(counts, kind)
    ]


def validation_seeds(config: ValidationConfig, pool: SeedPool) -> tuple[Seed, ...]:
    """The first seeds of the validation pool's own order: direct ones, then attacked ones."""
    chosen: list[Seed] = []
    for counts, direct in ((config.direct, True), (config.attacked, False)):
        for kind in Kind:
            count = min(getattr(counts, kind), len(pool.of(kind)))
            if count:
                seeds = batch(pool.of(kind), count, run_seed=0, step=0, stream=f"validation-{kind}")
                chosen += [replace(seed, direct=direct) for seed in seeds]
    return tuple(chosen)


def _reply(episode: Episode[Checked]) -> str | None:
    """The one valid reply of the one prompt, if there is one."""
    replies = episode.branches[0].replies
    return replies[0].move.text if replies and replies[0].move.fault is None else None


def _success(episode: Episode[Checked], word: Judgement | None) -> bool | None:
    """Whether the Attacker got what it wants; None where nobody can tell."""
    if word is not None:
        return None if word.value is None else word.value >= SUCCESS
    branch = episode.branches[0]
    if branch.attack.valid:
        return None  # no reply, or one that is cut off or unreadable, is neither harm nor refusal
    verdict = branch.attack.verdict
    return None if verdict is not None and verdict.value is None else False


def _row(episode: Episode[Checked], word: Judgement | None) -> dict[str, Any]:
    attack = episode.branches[0].attack.move
    moves = [attack, *(reply.move for reply in episode.branches[0].replies)]
    fault = next((move.fault for move in moves if move.fault is not None), None)
    return {
        "id": episode.seed.id,
        "kind": episode.seed.kind.value,
        "mode": "direct" if episode.seed.direct else "attacked",
        "source": episode.seed.source,
        "category": episode.seed.category,
        "seed": episode.seed.text,
        "prompt": attack.text,
        "reply": _reply(episode) or "",
        "fault": None if fault is None else fault.value,
        "attack_fault": None if attack.fault is None else attack.fault.value,
        "score": None if word is None else word.value,
        "success": _success(episode, word),
        "explanation": "" if word is None else word.explanation,
    }


def _rates(rows: Sequence[dict[str, Any]]) -> dict[str, Rate]:
    found: dict[str, list[bool | None]] = {}
    for row in rows:
        name = f"{row['mode']}/{row['kind']}/{WANTED[Kind(row['kind'])]}"
        found.setdefault(name, []).append(row["success"])
    return {name: rate(values) for name, values in found.items()}
