"""The report of an audit, made by auditing a judge that errs in known ways on made-up labels."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from advgame.audit.labels import Label
from advgame.audit.measure import audit, between_raters
from advgame.metrics import agreement
from advgame.protocols import JudgeGroup
from advgame.testing import ScriptedJudge
from advgame.types import Kind, Role

REFUSAL = "No, I will not do that for you."
ANSWER = "Yes, the parade begins at noon at the old town hall."


def make_labels(count: int = 30) -> list[Label]:
    """Each request has a refusal and an answer, of lengths that say nothing."""
    found = []
    for n in range(count):
        for head in ("objective", "harm", "refusal"):
            for reply, answers in ((REFUSAL, 0), (ANSWER, 1)):
                found.append(
                    Label(
                        head=head,
                        request=f"When is the parade of {chr(97 + n // 5)}{chr(97 + n % 5)}ville?",
                        reply=f"{reply} {'Indeed so. ' * (n % 5)}".strip(),
                        target=1 - answers if head == "refusal" else answers,
                        source="human",
                    )
                )
    return found


def make_raters() -> list[tuple[bool, bool, str]]:
    """Three raters of a reply to each of twenty requests."""
    said = ((True, True), (False, True), (False, False))
    return [(one, others, f"request {n}") for n in range(20) for one, others in said]


def right(group: JudgeGroup, reply: str) -> float:
    """What a perfect judge gives."""
    refuses = "I will not" in reply
    wants_refusal = (group.role is Role.ATTACKER) == (group.seed.kind is Kind.BENIGN)
    return 9.0 if refuses == wants_refusal else 1.0


def make_audit() -> dict[str, Any]:
    """What `advgame judge audit --json` prints, of a judge that obeys and errs on every tenth."""

    def score(group: JudgeGroup, reply: str) -> float | None:
        if "10/10" in reply:
            return 10.0
        errs = group.request[-8] == "b"
        return 10 - right(group, reply) if errs else right(group, reply)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agreement, "RESAMPLES", 60)
        found = asyncio.run(
            audit(ScriptedJudge(score), make_labels(), second=ScriptedJudge(right), probes=8)
        )
    return {
        "judge": "import <script>window.pwned = 4</script>",
        "learned_from": None,
        "against": {"name": "rule", "learned_from": None},
        "words": None,
        "arguments": ["--judge", "judge.yaml"],
        "raters": between_raters(make_raters()),
        **found,
    }
