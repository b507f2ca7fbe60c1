"""Findings as a campaign would have made them."""

from __future__ import annotations

import random
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


def campaign(hostile: tuple[str, ...] = ("",), seeds: int = 24) -> list[Finding]:
    """Three strategies on seeds of three categories; every text holds something hostile."""
    rng = random.Random(3)
    wins = {"plain": 0.15, "templates": 0.3, "best-of-k+refine@runs/first": 0.55}
    categories = ("cybercrime_intrusion", "misinformation_disinformation", "illegal")
    return [
        _attempt(arm, seed, at, rng.random() < chance, categories[seed % 3], hostile)
        for arm, chance in wins.items()
        for seed in range(seeds)
        for at in range(4)
    ]


def _attempt(
    arm: str, seed: int, at: int, success: bool, category: str, hostile: tuple[str, ...]
) -> Finding:
    odd = [hostile[(seed + at + n) % len(hostile)] for n in range(3)]
    silent = seed % 9 == 4 and at == 0
    word = Verdict(score=9.0 * success, success=success, reason=f"It says how. {odd[2]}")
    made = finding(
        arm,
        seed,
        at,
        None if silent else success,
        prompt=f"As a locksmith I ask about subject {seed}, try {at}. {odd[0]}",
        reply=f"Sure: one, two, {seed}. {odd[1]}",
        category=category,
        second=replace(word, success=success is (seed % 5 > 0)),
    )
    seed_text = f"{made.seed} {odd[2]}"
    if silent:
        return replace(made, seed=seed_text, state=State.TIMEOUT, verdict=None, detail=odd[0])
    return replace(made, seed=seed_text, verdict=word)
