"""What is compared: the Attacker's prompts of a seed, the Defender's replies to a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from advgame.types import Completion, Episode, Fault, Kind, Role, Scored


class Earned(NamedTuple):
    """A trainable completion and its reward."""

    completion: Completion
    reward: float
    fault: Fault | None


def groups(episodes: Sequence[Episode[Scored]], role: Role) -> Iterator[tuple[Kind, list[Earned]]]:
    """Yield each group of the role with the kind of its seed.

    Moves that nobody may train (a direct seed, a fixed attack, a remote model) and moves without
    a reward are left out.
    """
    for episode in episodes:
        if role is Role.ATTACKER:
            yield episode.seed.kind, _earned([branch.attack for branch in episode.branches])
        else:
            for branch in episode.branches:
                yield episode.seed.kind, _earned(branch.replies)


def _earned(moves: Sequence[Scored]) -> list[Earned]:
    return [
        Earned(each.move.completion, each.reward.value, each.move.fault)
        for each in moves
        if each.move.completion is not None
        and each.move.completion.trainable
        and each.reward.value is not None
    ]
