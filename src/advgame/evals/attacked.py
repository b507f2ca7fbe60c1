"""Attacks by an Attacker of a run, or by a plain model: a few attempts a seed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from advgame.config import RunConfig
from advgame.config.judges import SimilarityCheckConfig
from advgame.config.players import OpenAIEngine
from advgame.engines.build import judge_samplers
from advgame.engines.embed import build_embedder
from advgame.engines.openai import OpenAISampler
from advgame.errors import ConfigError
from advgame.evals.questions import Question
from advgame.evals.target import load_target, target_of
from advgame.game.attack import attack
from advgame.game.check import Checked, check
from advgame.game.seat import ModelSeat
from advgame.judges.build import build_check
from advgame.judges.faithfulness import NoCheck
from advgame.prompts import get_format
from advgame.protocols import FaithfulnessCheck, Sampler
from advgame.types import Role, Sampling, Seed
from advgame.world import Judges, seat_of

T = TypeVar("T")


def attacked(seeds: Sequence[Seed], attacker: str | None, attempts: int) -> tuple[Question, ...]:
    """Each seed as `attempts` prompts by `attacker`: a run's, or a model asked by examples.

    A prompt that does not parse, or that the run's own check finds to ask for something else, is
    a fault: a failed attack. One the check has no usable word on is asked all the same.

    Raises:
        ConfigError: no attacker is named.
        AdvGameError: it cannot be loaded.
    """
    if attacker is None:
        raise ConfigError("this task attacks: name whose attacks with --attacker RUN or MODEL")
    seat, judge, drift = open_attacker(attacker)
    checked = _run(_attack(seeds, seat, judge, attempts, drift))
    return tuple(
        Question(
            seed=seed,
            prompt=each.move.text,
            attempt=number,
            fault=each.move.fault.value if each.move.fault else None,
        )
        for seed, moves in zip(seeds, checked, strict=True)
        for number, each in enumerate(moves)
    )


async def _attack(
    seeds: Sequence[Seed],
    seat: ModelSeat,
    judge: FaithfulnessCheck,
    attempts: int,
    drift: float | None,
) -> list[tuple[Checked, ...]]:
    # The draws depend on a seed's place; seeds are in the order of their ids, so on the set alone.
    prompts = await attack(seeds, seat, prompts=attempts, draw=(0, "eval", 0))
    return await check(seeds, prompts, judge, drift_ratio=drift)


@cache
def open_attacker(
    attacker: str, *, key_env: str | None = None, checked: bool = False
) -> tuple[ModelSeat, FaithfulnessCheck, float | None]:
    """An Attacker's seat, its check, and the length from which a benign prompt drifts.

    Args:
        attacker: a run, whose own check is taken; a model; or `openai:MODEL@BASE_URL`. Models
            are asked by examples.
        key_env: the variable that holds the endpoint's key.
        checked: whether the prompts of a model that is no run's are checked, by similarity.

    Raises:
        AdvGameError: it cannot be loaded.
    """
    target = target_of(attacker, role=Role.ATTACKER)
    if target.endpoint is not None:
        model, url = target.endpoint
        sampler: Sampler = OpenAISampler(OpenAIEngine(base_url=url, key_env=key_env), model)
    else:
        sampler = load_target(target).sampler
    if target.config is not None and target.run is not None:
        seat = seat_of(target.config, Role.ATTACKER, sampler)
        judge = Judges(target.config, Path(target.run)).check()
        return seat, judge, target.config.game.drift_ratio
    config = RunConfig()
    seat = ModelSeat(
        sampler=sampler,
        format=get_format(Role.ATTACKER, "fewshot"),
        sampling=Sampling(
            temperature=config.attacker.sampling.temperature,
            top_p=config.attacker.sampling.top_p,
            max_new_tokens=config.attacker.sampling.max_new_tokens,
        ),
        accept_truncated=True,
    )
    judge = NoCheck()
    if checked:
        judge = build_check(SimilarityCheckConfig(), judge_samplers(), build_embedder, None)
    return seat, judge, None


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, also from inside Inspect's event loop, which builds tasks while it runs."""
    found: list[T] = []
    failed: list[BaseException] = []

    def target() -> None:
        try:
            found.append(asyncio.run(work))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]
