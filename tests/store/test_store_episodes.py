from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advgame.store.episodes import from_line, to_line
from advgame.types import (
    Branch,
    Completion,
    Episode,
    Fault,
    Finish,
    Judgement,
    Kind,
    Missing,
    Move,
    Reward,
    Scene,
    Scored,
    Seed,
)

TEXT = st.text() | st.sampled_from(
    ["\u2028\n\r", "\x1b[31m\x00", "\u202e", '"}\\', "</script>", "\ud800", "\U0001f525"]
)
FLOATS = st.floats(allow_nan=False)
IDS = st.lists(st.integers(0, 2**31), max_size=5).map(tuple)
COMPLETIONS = st.builds(
    Completion,
    prompt_ids=IDS,
    token_ids=IDS,
    logprobs=st.none() | st.lists(FLOATS, max_size=5).map(tuple),
    text=TEXT,
    finish=st.sampled_from(Finish),
    policy_version=st.integers(0, 10**6),
    guided=st.booleans(),
)
MOVES = st.builds(
    Move,
    text=TEXT,
    thought=TEXT,
    completion=st.none() | COMPLETIONS,
    fault=st.none() | st.sampled_from(Fault),
)
JUDGEMENTS = st.builds(
    Judgement,
    value=st.none() | FLOATS,
    explanation=TEXT,
    raw=TEXT,
    details=st.dictionaries(st.text(max_size=3), FLOATS, max_size=2),
)
REWARDS = st.builds(
    Reward,
    value=st.none() | FLOATS,
    because=st.none() | st.sampled_from(Fault) | st.sampled_from(Missing),
)
SCORED = st.builds(
    Scored,
    move=MOVES,
    reward=REWARDS,
    judgements=st.dictionaries(st.text(max_size=3), JUDGEMENTS, max_size=2),
)
SEEDS = st.builds(
    Seed,
    id=TEXT,
    text=TEXT,
    kind=st.sampled_from(Kind),
    direct=st.booleans(),
    source=TEXT,
    category=TEXT,
    scene=st.none()
    | st.builds(
        Scene,
        before=TEXT,
        after=TEXT,
        answers=st.lists(TEXT, max_size=2).map(tuple),
        canary=TEXT,
        call=TEXT,
    ),
)
BRANCHES = st.builds(Branch, SCORED, st.lists(SCORED, max_size=2).map(tuple))
EPISODES = st.builds(Episode, SEEDS, st.lists(BRANCHES, max_size=2).map(tuple))


@given(EPISODES)
def test_reading_back_gives_an_equal_episode(episode: Episode[Scored]) -> None:
    line = to_line(episode)
    assert line.isascii()
    assert line.isprintable()  # so it is one line, and inert in a terminal
    back = from_line(line)
    assert back == episode
    assert to_line(back) == line


@given(EPISODES)
def test_the_shape_is_that_of_asdict(episode: Episode[Scored]) -> None:
    whole = asdict(episode, dict_factory=_without_cost)
    assert json.loads(to_line(episode)) == json.loads(json.dumps(whole))


def _without_cost(items: list[tuple[str, object]]) -> dict[str, object]:
    """What drawing a completion took is in the metrics."""
    return {name: value for name, value in items if name != "cost"}


@given(EPISODES)
def test_types_come_back_too(episode: Episode[Scored]) -> None:
    back = from_line(to_line(episode))
    assert type(back.seed.kind) is Kind
    for branch, was in zip(back.branches, episode.branches, strict=True):
        moves = (branch.attack, *branch.replies)
        for now, then in zip(moves, (was.attack, *was.replies), strict=True):
            assert type(now.reward.because) is type(then.reward.because)
            assert type(now.move.fault) is type(then.move.fault)
            if now.move.completion and then.move.completion:
                assert type(now.move.completion.finish) is Finish
                assert type(now.move.completion.logprobs) is type(then.move.completion.logprobs)


@pytest.mark.parametrize("line", ["", "{}", "[]", "null", '{"seed":{}}', '{"seed":{"kind":"x"}}'])
def test_anything_else_is_an_error(line: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        from_line(line)
