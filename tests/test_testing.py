import asyncio
import doctest
from pathlib import Path

import pytest
from builders import completion

import advgame.testing
from advgame.protocols import Judge, Learner, Sampler
from advgame.testing import RecordingLearner, ScriptedJudge, ScriptedSampler
from advgame.types import Credited, Finish, Message, SampleRequest, Sampling


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(advgame.testing).failed == 0
    assert doctest.testmod(advgame.testing).attempted > 0


def test_fakes_keep_their_protocols() -> None:
    assert isinstance(ScriptedSampler(["x"]), Sampler)
    assert isinstance(ScriptedJudge(lambda group, reply: None), Judge)
    assert isinstance(RecordingLearner(), Learner)


def draw(script: list[str], tokens: int = 8) -> list[tuple[str, Finish, int]]:
    request = SampleRequest(
        messages=(Message(role="user", content="Hi there"),),
        seeds=(1, 2),
        sampling=Sampling(max_new_tokens=tokens),
    )
    [drawn] = asyncio.run(ScriptedSampler(script).sample([request]))
    assert all(len(each.logprobs or ()) == len(each.token_ids) for each in drawn)
    assert {each.prompt_ids for each in drawn} == {drawn[0].prompt_ids}
    return [(each.text, each.finish, len(each.token_ids)) for each in drawn]


def test_sampler_honours_the_token_limit() -> None:
    assert draw(["one two three", "one"], tokens=2) == [
        ("one two", Finish.LENGTH, 2),
        ("one", Finish.STOP, 2),
    ]


def test_learner_remembers(tmp_path: Path) -> None:
    learner = RecordingLearner()
    example = Credited(completion=completion(), advantage=1.0)
    assert learner.update([example]).examples == 1
    learner.average()
    learner.save(tmp_path)
    again = RecordingLearner()
    again.load(tmp_path)
    assert (again.steps, again.averaged) == (1, 1)
    assert learner.updates == [(example,)]
    with pytest.raises(ValueError, match="no examples"):
        learner.update([])
