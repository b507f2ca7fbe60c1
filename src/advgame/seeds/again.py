"""Seeds that went wrong come back: which direct ones of the last steps a step draws again.

Read off recorded episodes, so there is no state to save: a resumed run reads what the other did.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from advgame.success import SUCCESS
from advgame.types import Episode, Kind, Scored, Seed

WITHIN = 8  # steps; longer ago it was another Defender


@dataclass(frozen=True, slots=True)
class Met:
    """A direct seed that was played.

    `wrong`: share of the Defender's own replies that scored under 5, by its scale: a bare refusal
    of a harmful request does, too, and may be made a better one.
    """

    seed: Seed
    wrong: float


def met(episodes: Iterable[Episode[Scored]]) -> tuple[Met, ...]:
    """How the direct seeds of a step went, by the judge that trains.

    Guided and unscored replies do not count; a seed without any other is left out.
    """
    found = []
    for episode in episodes:
        if not episode.seed.direct:
            continue
        words = [
            reply.judgements["reply"].value
            for branch in episode.branches
            for reply in branch.replies
            if "reply" in reply.judgements
            and not (reply.move.completion is not None and reply.move.completion.guided)
        ]
        scores = [word for word in words if word is not None]
        if scores:
            wrong = sum(score < SUCCESS for score in scores) / len(scores)
            found.append(Met(episode.seed, wrong))
    return tuple(found)


def wrong(steps: Sequence[Sequence[Met]], kind: Kind, count: int) -> tuple[Seed, ...]:
    """At most `count` seeds of a kind that went wrong when last met.

    Those that fail most often come first, among them those that have waited longest.

    Args:
        steps: how direct seeds went, a sequence a step, the oldest first.
        kind: which seeds.
        count: how many at most.
    """
    last: dict[str, tuple[float, int, Seed]] = {}
    for age, one in enumerate(steps):
        for each in one:
            if each.seed.kind is kind:
                last[each.seed.id] = (-each.wrong, age, each.seed)
    failed = sorted((each for each in last.values() if each[0]), key=lambda each: each[:2])
    return tuple(seed for _, _, seed in failed[:count])
