"""What the players just said, made safe and short enough for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from advgame.hostile import clean
from advgame.types import Branch, Episode, Kind, Scored


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One exchange. `attack` is None for a direct seed."""

    kind: Kind
    seed: str
    attack: str | None
    reply: str
    reward: float | None  # the Defender's, for this reply


def quotes(episodes: Sequence[Episode[Scored]]) -> list[Quote]:
    """One harmful and one benign exchange with a valid reply, attacked ones first."""
    found = []
    for kind in Kind:
        ordered = sorted((e for e in episodes if e.seed.kind is kind), key=lambda e: e.seed.direct)
        first = next(
            (_quote(e, branch) for e in ordered for branch in e.branches if _replies(branch)), None
        )
        if first:
            found.append(first)
    return found


def clip(text: str, cells: int) -> str:
    """`text` on one line, cleaned, at most `cells` columns wide."""
    line = " ".join(clean(text).split())
    return line if cell_len(line) <= cells else set_cell_size(line, cells - 1) + "…"


def _replies(branch: Branch[Scored]) -> list[Scored]:
    """Valid replies; those drawn without a guide first, as only they show the player itself."""
    valid = [reply for reply in branch.replies if reply.move.fault is None and reply.move.text]
    return sorted(valid, key=lambda r: r.move.completion is not None and r.move.completion.guided)


def _quote(episode: Episode[Scored], branch: Branch[Scored]) -> Quote:
    reply = _replies(branch)[0]
    return Quote(
        kind=episode.seed.kind,
        seed=episode.seed.text,
        attack=None if episode.seed.direct else branch.attack.move.text,
        reply=reply.move.text,
        reward=reply.reward.value,
    )
