"""Episodes as JSON lines, exactly: reading back gives an equal value, token ids included.

The shape is that of `dataclasses.asdict`. Output is ASCII, so control and bidi characters in
model text are inert in whatever prints the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

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

_FIELDS = {
    kind: tuple(field.name for field in fields(kind) if field.compare)
    for kind in (Episode, Branch, Seed, Scene, Scored, Move, Completion, Reward, Judgement)
}


def _plain(value: Any) -> dict[str, Any]:
    # Not dataclasses.asdict: it copies every token id, ten times the cost of encoding them.
    if isinstance(value, Mapping):
        return dict(value)
    return {name: getattr(value, name) for name in _FIELDS[type(value)]}


_encode = json.JSONEncoder(separators=(",", ":"), default=_plain).encode


def to_line(episode: Episode[Scored]) -> str:
    """Return the episode as one line of JSON, without the newline."""
    return _encode(episode)


def from_line(line: str | bytes) -> Episode[Scored]:
    """Return the episode that `to_line` wrote.

    Raises:
        ValueError, KeyError, TypeError: the line is something else.
    """
    data = json.loads(line)
    given = data["seed"]
    told = given.get("scene")  # absent from runs of before there were scenes
    scene = Scene(**{**told, "answers": tuple(told["answers"])}) if told else None
    seed = Seed(**{**given, "kind": Kind(given["kind"]), "scene": scene})
    return Episode(seed, tuple(_branch(branch) for branch in data["branches"]))


def _branch(data: dict[str, Any]) -> Branch[Scored]:
    return Branch(_scored(data["attack"]), tuple(_scored(reply) for reply in data["replies"]))


def _scored(data: dict[str, Any]) -> Scored:
    return Scored(
        move=_move(data["move"]),
        reward=_reward(data["reward"]),
        judgements={name: Judgement(**given) for name, given in data["judgements"].items()},
    )


def _reward(data: dict[str, Any]) -> Reward:
    because = data["because"]
    if because is None:
        return Reward(value=data["value"])
    reason = Fault(because) if because in set(Fault) else Missing(because)
    return Reward(value=data["value"], because=reason)


def _move(data: dict[str, Any]) -> Move:
    fault, completion = data["fault"], data["completion"]
    return Move(
        text=data["text"],
        thought=data["thought"],
        completion=None if completion is None else _completion(completion),
        fault=None if fault is None else Fault(fault),
    )


def _completion(data: dict[str, Any]) -> Completion:
    logprobs = data["logprobs"]
    return Completion(
        **{
            **data,
            "prompt_ids": tuple(data["prompt_ids"]),
            "token_ids": tuple(data["token_ids"]),
            "logprobs": None if logprobs is None else tuple(logprobs),
            "finish": Finish(data["finish"]),
        }
    )
