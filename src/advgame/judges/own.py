"""Judges and checks of the user's own, held to what the game relies on."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

from advgame.errors import OwnCodeError
from advgame.imports import is_finite, running
from advgame.protocols import FaithfulnessCheck, Judge, JudgeGroup
from advgame.types import Cost, Judgement, Seed

_TOP = 10.0  # of a score
_SLACK = 1e-6  # of sums and means that round above it


class OwnJudge:
    """A judge that the configuration names by `path`."""

    def __init__(self, path: str, judge: Judge) -> None:
        self._path, self._judge = path, judge

    @property
    def cost(self) -> Cost:
        """The judge's."""
        return self._judge.cost

    async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
        """Return what the judge says.

        Raises:
            OwnCodeError: it raised, or that is not one judgement a reply, from 0 to 10 or None.
        """
        with running(self._path):
            said = await _awaited(self._path, "judge", self._judge.judge(groups))
        rows = _counted(self._path, said, len(groups), "groups")
        return [
            tuple(
                _checked(self._path, word, _TOP)
                for word in _counted(self._path, row, len(group.replies), "replies")
            )
            for row, group in zip(rows, groups, strict=True)
        ]


class OwnCheck:
    """A faithfulness check that the configuration names by `path`."""

    def __init__(self, path: str, check: FaithfulnessCheck) -> None:
        self._path, self._check = path, check

    @property
    def cost(self) -> Cost:
        """The check's."""
        return self._check.cost

    async def check(self, prompts: Sequence[tuple[Seed, str]], /) -> list[Judgement]:
        """Return what the check says.

        Raises:
            OwnCodeError: it raised, or that is not one judgement a prompt, 1, 0 or None.
        """
        with running(self._path):
            said = await _awaited(self._path, "check", self._check.check(prompts))
        rows = _counted(self._path, said, len(prompts), "prompts")
        checked = [_checked(self._path, word, 1.0) for word in rows]
        for word in checked:
            if word.value not in (0.0, 1.0, None):  # a probability would mask next to nothing
                raise OwnCodeError(
                    f"{self._path} returned a Judgement of {word.value!r}: give 1 (faithful), "
                    "0 (not), or None where nothing can be said"
                )
        return checked


async def _awaited(path: str, method: str, answer: Any) -> Any:
    if not inspect.isawaitable(answer):
        raise OwnCodeError(f"{path}: write `async def {method}`; it is not awaitable as it stands")
    return await answer


def _counted(path: str, said: Any, wanted: int, what: str) -> list[Any]:
    if not isinstance(said, list | tuple):
        raise OwnCodeError(
            f"{path} returned a {type(said).__name__} for {wanted} {what}, not a list of as many"
        )
    if len(said) != wanted:
        raise OwnCodeError(f"{path} returned {len(said)} items for {wanted} {what}")
    return list(said)


def _checked(path: str, word: Any, top: float) -> Judgement:
    if not isinstance(word, Judgement):
        raise OwnCodeError(f"{path} returned a {type(word).__name__} where a Judgement is due")
    if not (isinstance(word.explanation, str) and isinstance(word.raw, str)):
        raise OwnCodeError(f"{path} returned a Judgement whose explanation or raw is not text")
    if not isinstance(word.details, Mapping) or not all(map(is_finite, word.details.values())):
        raise OwnCodeError(f"{path} returned details that are not numbers by name: {word.details}")
    details = {str(name): float(each) for name, each in word.details.items()}  # numpy's, too
    value = word.value
    if value is None:
        return replace(word, details=details)
    if not isinstance(value, Real) or not -_SLACK <= value <= top + _SLACK:  # NaN fails, too
        raise OwnCodeError(
            f"{path} returned a Judgement of {value!r}: give 0 to {top:g}, or None where "
            "nothing can be said"
        )
    return replace(word, value=float(value), details=details)
