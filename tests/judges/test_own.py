"""Judges and checks of the user's own: what they do wrong is one line, not a traceback."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import seed

from advgame.config.judges import ImportedJudgeConfig
from advgame.errors import OwnCodeError, StoreError
from advgame.judges.build import build_judge
from advgame.judges.own import OwnCheck, OwnJudge
from advgame.protocols import JudgeGroup
from advgame.types import Cost, Judgement, Role

GROUP = JudgeGroup(role=Role.DEFENDER, seed=seed(), request="x", replies=("a", "b"))


class Own:
    """Says what it is given, as a judge or a check."""

    cost = Cost()

    def __init__(self, says: Callable[[], Any]) -> None:
        self._says = says

    async def judge(self, groups: Any, /) -> Any:
        return self._says()

    async def check(self, prompts: Any, /) -> Any:
        return self._says()


class NotAsync:
    cost = Cost()

    def judge(self, groups: Any, /) -> Any:
        return []

    check = judge


def word(value: Any) -> Judgement:
    return Judgement(value=value)


def raises() -> Any:
    return {}["nothing"]


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "too few groups": (list, "returned 0 items for 1 groups"),
    "too few replies": (lambda: [(word(1.0),)], "returned 1 items for 2 replies"),
    "a number for a group": (lambda: [5.0], "returned a float for 2 replies"),
    "numbers": (lambda: [(5.0, 5.0)], "returned a float where a Judgement is due"),
    "too much": (lambda: [(word(1.0), word(50.0))], "a Judgement of 50.0: give 0 to 10, or None"),
    "no number": (lambda: [(word(1.0), word(float("nan")))], "a Judgement of nan"),
    "text": (lambda: [(word(1.0), word("7"))], "a Judgement of '7'"),
    "details": (lambda: [(word(1.0), Judgement(value=1.0, details={"a": nan}))], "details that"),
    "no details": (lambda: [(word(1.0), Judgement(value=None, details=None))], "details that"),  # type: ignore[arg-type]
    "a huge detail": (
        lambda: [(word(1.0), Judgement(value=1.0, details={"a": 10**400}))],
        "details that",
    ),
    "no text": (lambda: [(word(1.0), Judgement(value=1.0, raw=b"7"))], "raw is not text"),  # type: ignore[arg-type]
    "no words": (
        lambda: [(word(1.0), Judgement(value=1.0, explanation=None))],  # type: ignore[arg-type]
        "explanation or raw is not text",
    ),
    "ends the process": (lambda: sys.exit(0), "raised SystemExit: 0"),
    "raises": (raises, r"raised KeyError: 'nothing' \(.*test_own.py:\d+; --debug"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_a_judge_must_not_do_is_told(what: str) -> None:
    says, told = WRONG[what]
    with pytest.raises(OwnCodeError, match=rf"^own:judge.*{told}"):
        asyncio.run(OwnJudge("own:judge", Own(says)).judge([GROUP]))


def test_what_a_check_must_not_do_is_told() -> None:
    for says, told in (
        (lambda: [word(2.0)], "a Judgement of 2.0: give 0 to 1"),
        (lambda: [word(0.02)], r"a Judgement of 0.02: give 1 \(faithful\), 0 \(not\)"),
        (list, "returned 0 items for 1 prompts"),
        (raises, "raised KeyError"),
    ):
        with pytest.raises(OwnCodeError, match=told):
            asyncio.run(OwnCheck("own:check", Own(says)).check([(seed(), "x")]))


def test_one_that_is_not_async_is_told() -> None:
    with pytest.raises(OwnCodeError, match="write `async def judge`"):
        asyncio.run(OwnJudge("own:judge", NotAsync()).judge([GROUP]))
    with pytest.raises(OwnCodeError, match="write `async def check`"):
        asyncio.run(OwnCheck("own:check", NotAsync()).check([(seed(), "x")]))


def test_what_is_right_passes_unchanged() -> None:
    rows = [(word(None), word(10.000000001))]
    judge = OwnJudge("own:judge", Own(lambda: rows))
    assert asyncio.run(judge.judge([GROUP])) == rows
    assert judge.cost == Cost()


def test_numbers_of_numpy_become_plain_ones() -> None:
    said = Judgement(value=np.float32(7.0), details={"a": np.float32(0.5)})  # type: ignore[arg-type,dict-item]
    judge = OwnJudge("own:judge", Own(lambda: [(said, said)]))
    ((one, _),) = asyncio.run(judge.judge([GROUP]))
    assert [type(each) for each in (one.value, one.details["a"])] == [float, float]


def test_errors_of_advgame_and_lack_of_memory_pass_as_they_are() -> None:
    for error in (StoreError("full"), MemoryError()):

        def fail(error: BaseException = error) -> Any:
            raise error

        with pytest.raises(type(error)):
            asyncio.run(OwnJudge("own:judge", Own(fail)).judge([GROUP]))


def test_a_factory_that_raises_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keyless.py").write_text("def make():\n    raise ValueError('no key')\n")
    monkeypatch.syspath_prepend(tmp_path)
    config = ImportedJudgeConfig(path="keyless:make")
    with pytest.raises(OwnCodeError, match=r"keyless:make raised ValueError: no key \(.*py:2;"):
        build_judge(config, None, None, None)  # type: ignore[arg-type]
