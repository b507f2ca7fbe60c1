"""Transfer: attacks that succeeded elsewhere, from the findings of an earlier campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from advgame.derive import derive
from advgame.errors import SeedError
from advgame.redteam.ledger import latest_findings
from advgame.redteam.strategies.base import Sight
from advgame.types import Move

MOST = 64  # wrappers kept, the most successful ones


@dataclass(frozen=True, slots=True)
class Transfer:
    """First what broke this very seed elsewhere, then what wrapped other seeds and broke them.

    A successful prompt that holds its seed word for word is a wrapper for any seed. Wrappers go
    from the one that succeeded on most seeds down, of equal ones the shorter first.
    """

    own: Mapping[str, Sequence[str]]
    wrappers: Sequence[tuple[str, ...]]

    @classmethod
    def read(cls, path: Path) -> Transfer:
        """From a campaign's folder or its findings.jsonl.

        Raises:
            StoreError: it is damaged.
            SeedError: nothing succeeded there.
        """
        own: dict[str, list[str]] = {}
        wraps: dict[tuple[str, ...], set[str]] = {}
        for finding in latest_findings(path):
            if not finding.success or not finding.prompt:
                continue
            pieces = tuple(finding.prompt.split(finding.seed))
            if finding.prompt != finding.seed:
                own.setdefault(finding.seed_id, []).append(finding.prompt)
                if len(pieces) > 1:
                    wraps.setdefault(pieces, set()).add(finding.seed_id)
        if not own:
            raise SeedError(f"{path}: no attack succeeded there, so there is none to transfer")
        ranked = sorted(wraps, key=lambda each: (-len(wraps[each]), sum(map(len, each)), each))
        return cls(own, ranked[:MOST])

    async def say(self, sight: Sight, /) -> Move:
        """The next attack known for the seed; the seed itself where none is."""
        seed = sight.seed
        known = [*self.own.get(seed.id, ()), *(seed.text.join(each) for each in self.wrappers)]
        known = list(dict.fromkeys(known))
        if not known:  # only rewritings of other seeds are known: any of them asks for those
            return Move(text=seed.text)
        start = 0 if sight.attempt < len(known) else derive(0, "transfer", seed.id)
        return Move(text=known[(start + sight.attempt) % len(known)])
