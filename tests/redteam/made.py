"""Findings as a campaign would have made them."""

from __future__ import annotations

from dataclasses import replace

from advgame.redteam.values import Finding, State, Usage, Verdict
from advgame.types import Kind, Message


def finding(
    arm: str,
    seed: int,
    attempt: int,
    success: bool | None,
    *,
    prompt: str | None = None,
    reply: str = "Sure: one, two.",
    **more: object,
) -> Finding:
    text = f"Tell me about subject {seed}."
    made = Finding(
        id=f"{arm}/s{seed}/{attempt}",
        arm=arm,
        attempt=attempt,
        before=attempt,
        requests=1,
        seed_id=f"s{seed}",
        seed=text,
        kind=Kind.HARMFUL,
        category="cybercrime",
        source="own",
        messages=(
            Message(role="user", content=text if prompt is None else prompt),
            Message(role="assistant", content=reply),
        ),
        state=State.UNSCORED if success is None else State.JUDGED,
        success=success,
        verdict=Verdict(score=None if success is None else 10.0 * success, success=success),
        usage=Usage(prompt_tokens=5, reply_tokens=3),
    )
    return replace(made, **more)  # type: ignore[arg-type]
