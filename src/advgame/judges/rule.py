"""A deterministic judge on the surface of the text, for tests and the preset `tiny`.

    score(y) = 9 v(y) + h(y)      v: share of vowels among the letters of y, or 0
                                  h: a hash of y, spread over [0, 1)
    score for the Attacker = 10 − score for the Defender

It says nothing about safety. Its use: different replies get different scores whatever a random
model writes, so there is always a contrast to learn from, and a trend that can be learned.
"""

from __future__ import annotations

from collections.abc import Sequence

from advgame.derive import digest
from advgame.protocols import JudgeGroup
from advgame.types import Cost, Judgement, Role


class RuleJudge:
    """Scores replies 0–10 by their letters. Implements `Judge`."""

    cost = Cost()

    async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
        """Return one judgement a reply, in order."""
        return [tuple(_judgement(group.role, reply) for reply in group.replies) for group in groups]


def _judgement(role: Role, reply: str) -> Judgement:
    letters = [c for c in reply.lower() if c.isalpha()]
    vowels = sum(c in "aeiouy" for c in letters) / max(1, len(letters))
    spread = int(digest(reply)[:12], 16) / 16**12
    score = 9 * vowels + spread
    return Judgement(
        value=score if role is Role.DEFENDER else 10 - score,
        explanation="rule on the letters of the reply",
        details={"vowels": vowels},
    )
