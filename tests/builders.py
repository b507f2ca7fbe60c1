"""Small values for tests, and hypothesis strategies for whole episodes."""

from __future__ import annotations

from zlib import crc32

from hypothesis import strategies as st

from advgame.types import (
    Branch,
    Completion,
    Episode,
    Fault,
    Finish,
    Kind,
    Missing,
    Move,
    Reward,
    Scored,
    Seed,
)


def seed(text: str = "how do kites fly?", kind: Kind = Kind.BENIGN, direct: bool = False) -> Seed:
    return Seed(id=f"id-{text}", text=text, kind=kind, direct=direct)


def completion(
    tokens: int = 3,
    *,
    text: str = "text",
    finish: Finish = Finish.STOP,
    prompt: tuple[int, ...] = (1, 2),
    guided: bool = False,
) -> Completion:
    return Completion(
        prompt_ids=prompt,
        token_ids=tuple(10 + (crc32(text.encode()) + at) % 1000 for at in range(tokens)),
        logprobs=tuple(-0.5 for _ in range(tokens)),
        text=text,
        finish=finish,
        policy_version=0,
        guided=guided,
    )


def scored(
    value: float | None,
    *,
    fault: Fault | None = None,
    tokens: int = 3,
    text: str = "text",
    finish: Finish = Finish.STOP,
    guided: bool = False,
) -> Scored:
    made = completion(tokens, text=text, finish=finish, guided=guided)
    because = fault if value is not None else Missing.JUDGE_FAILED
    return Scored(
        move=Move(text=text, completion=made, fault=fault),
        reward=Reward(value=value, because=because),
    )


@st.composite
def scored_moves(draw: st.DrawFn) -> Scored:
    kind = draw(st.sampled_from(["scored", "fault", "missing"]))
    tokens = draw(st.integers(1, 6))
    finish = draw(st.sampled_from(list(Finish)))
    text = draw(st.text(max_size=8))
    if kind == "fault":
        fault = draw(st.sampled_from(list(Fault)))
        return scored(-1.0, fault=fault, tokens=tokens, text=text, finish=finish)
    value = draw(st.integers(0, 20)) / 2 if kind == "scored" else None
    return scored(value, tokens=tokens, text=text, finish=finish, guided=draw(st.booleans()))


@st.composite
def episodes(draw: st.DrawFn) -> Episode[Scored]:
    branches = draw(
        st.lists(
            st.builds(Branch, scored_moves(), st.lists(scored_moves(), max_size=5).map(tuple)),
            max_size=4,
        )
    )
    kind = draw(st.sampled_from(list(Kind)))
    return Episode(seed(draw(st.text(min_size=1, max_size=5)), kind), tuple(branches))
