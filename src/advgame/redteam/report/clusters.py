"""Attacks that are the same but for their seed and a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advgame.redteam.values import Finding
from advgame.text import jaccard, words

ALIKE = 0.75  # shared words of two prompts, their seeds taken out
MOST = 5_000  # findings looked at: each is compared with every cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Successful attacks that read alike; `example` is the shortest."""

    example: Finding
    members: tuple[Finding, ...]

    @property
    def seeds(self) -> int:
        """How many seeds they broke."""
        return len({each.seed_id for each in self.members})


def clusters(findings: Sequence[Finding]) -> tuple[Cluster, ...]:
    """Group successful attacks; those that broke most seeds first.

    Greedy: each joins the first cluster whose first member it resembles. Plain seeds, which are no
    attack, are one cluster.
    """
    leaders: list[tuple[frozenset[str], list[Finding]]] = []
    broke = sorted((each for each in findings if each.success), key=lambda each: each.id)
    for finding in broke[:MOST]:
        bag = frozenset(words(finding.prompt.replace(finding.seed, " ")))
        for known, members in leaders:
            if jaccard(bag, known) >= ALIKE:
                members.append(finding)
                break
        else:
            leaders.append((bag, [finding]))
    found = [
        Cluster(
            example=min(members, key=lambda each: (len(each.prompt), each.id)),
            members=tuple(members),
        )
        for _, members in leaders
    ]
    return tuple(sorted(found, key=lambda each: (-each.seeds, -len(each.members), each.example.id)))
