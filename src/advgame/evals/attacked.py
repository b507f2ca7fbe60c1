"""Attacks a few a seed: by an Attacker of a run, by any model, or a fixed set from a file.

What an Attacker wrote is kept by content, so that an evaluation that was stopped does not attack
anew.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from advgame.assets import cache_dir
from advgame.config import RunConfig
from advgame.config.judges import SimilarityCheckConfig
from advgame.config.players import OpenAIEngine
from advgame.derive import digest
from advgame.engines.build import judge_samplers
from advgame.engines.embed import build_embedder
from advgame.engines.openai import OpenAISampler
from advgame.errors import SeedError
from advgame.evals.catalog import AnyTask, SafetyTask
from advgame.evals.loaded import Loaded, load_target
from advgame.evals.questions import Question
from advgame.evals.target import Exported, Target, target_of
from advgame.game.attack import attack
from advgame.game.check import check
from advgame.game.seat import ModelSeat
from advgame.judges.build import build_check
from advgame.judges.cache import VerdictCache
from advgame.judges.faithfulness import NoCheck
from advgame.prompts import get_format
from advgame.protocols import FaithfulnessCheck, Sampler
from advgame.seats import seat_of
from advgame.seeds.attacks import load_attacks
from advgame.store.atomic import write_text
from advgame.types import Cost, Role, Seed
from advgame.world import Judges

T = TypeVar("T")

AT_ONCE = 32  # seeds; an evaluation that is stopped loses the attacks on as many


def attacked(
    seeds: Sequence[Seed], attacker: str | None, attempts: int, key_env: str | None = None
) -> tuple[Question, ...]:
    """Each seed as `attempts` prompts by `attacker`: a run's, or a model asked by examples.

    A prompt that does not parse, or that the run's own check finds to ask for something else, is
    a fault: a failed attack. One the check has no usable word on is asked all the same.

    Raises:
        SeedError: no attacker is named, so there are no attacks: a suite leaves the task out.
        AdvGameError: it cannot be loaded.
    """
    if attacker is None:
        raise SeedError("this task attacks: name whose attacks with --attacker or --attacks")
    who = _in_a_thread(partial(_open, attacker, key_env))
    kept = VerdictCache(cache_dir() / "eval-attacks") if who.fingerprint else None
    return tuple(
        Question(seed=seed, prompt=prompt, attempt=number, fault=fault)
        for start in range(0, len(seeds), AT_ONCE)
        for seed, moves in _kept_moves(seeds[start : start + AT_ONCE], start, who, attempts, kept)
        for number, (prompt, fault) in enumerate(moves)
    )


def attacker_of(
    tasks: Iterable[AnyTask], attacker: str | None, attacks: str | None
) -> Target | None:
    """Whose attacks `tasks` are asked under; None where none attacks, or a file holds them.

    Raises:
        ConfigError, StoreError, ModelError: there is no such player.
    """
    attacking = any(isinstance(task, SafetyTask) and task.attacked for task in tasks)
    if attacker is None or attacks is not None or not attacking:
        return None
    return target_of(attacker, role=Role.ATTACKER)


def _kept_moves(
    seeds: Sequence[Seed], first: int, who: _Attacker, attempts: int, kept: VerdictCache | None
) -> list[tuple[Seed, list[tuple[str, str | None]]]]:
    """The moves on each of some seeds from place `first` on, made anew unless they are `kept`."""
    key = digest(
        who.fingerprint, attempts, [seed.id for seed in seeds], *([first] if first else [])
    )
    text = kept.get(key) if kept else None
    if text is None:
        text = json.dumps(_in_a_thread(partial(_attack, seeds, first, who, attempts)))
        if kept:
            kept.put(key, text)
    return list(zip(seeds, json.loads(text), strict=True))


def fixed(
    seeds: Sequence[Seed], attacks: str, attempts: int | None, limit: int | None
) -> tuple[Question, ...]:
    """The attacks that a file holds on the first `limit` of `seeds` that it attacks.

    Args:
        seeds: those that may be asked for.
        attacks: a .jsonl or .csv file (`seeds.attacks`), or a collection of templates.
        attempts: at most so many a seed, the first ones; None = all.
        limit: at most so many seeds.

    Raises:
        SeedError: the file is not to be had, malformed, or attacks none of the seeds.
    """
    known = load_attacks(attacks, seeds, "test")
    hit = (seed for seed in seeds if seed.id in known)
    return tuple(
        Question(seed=seed, prompt=prompt, attempt=number)
        for seed in islice(hit, limit)
        for number, prompt in enumerate(islice(known[seed.id], attempts))
    )


def write_attacks(questions: Sequence[Question], path: Path) -> Path:
    """Write the attacks that are no faults, for `fixed` and for the schedule `static`.

    Where `path` holds other attacks, an earlier report names them: these are written beside it.
    """
    rows = [
        {"seed_id": each.seed.id, "seed": each.seed.text, "prompt": each.prompt}
        for each in questions
        if each.fault is None
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.exists() and path.read_bytes() != text.encode():
        path = path.with_name(f"{path.stem}-{digest(text)[:8]}{path.suffix}")
    write_text(path, text)
    return path


def cost_of(attacker: str, key_env: str | None = None) -> Cost:
    """What an attacker and the check of its prompts have cost in this process; loads both."""
    who = _in_a_thread(partial(_open, attacker, key_env))
    return who.seat.sampler.cost + who.check.cost


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attacker:
    seat: ModelSeat
    check: FaithfulnessCheck
    drift: float | None  # the length ratio from which a benign prompt drifts
    fingerprint: str | None


async def _moves(
    seeds: Sequence[Seed], first: int, who: _Attacker, attempts: int
) -> list[list[tuple[str, str | None]]]:
    # The draws depend on a seed's place; seeds are in the order of their ids, so on the set alone.
    prompts = await attack(seeds, who.seat, prompts=attempts, draw=(0, "eval", 0), first=first)
    checked = await check(seeds, prompts, who.check, drift_ratio=who.drift)
    return [
        [(each.move.text, each.move.fault.value if each.move.fault else None) for each in moves]
        for moves in checked
    ]


def _attack(
    seeds: Sequence[Seed], first: int, who: _Attacker, attempts: int
) -> list[list[tuple[str, str | None]]]:
    return asyncio.run(_moves(seeds, first, who, attempts))


def open_attacker(
    attacker: str, *, key_env: str | None = None, checked: bool = False
) -> tuple[ModelSeat, FaithfulnessCheck, float | None]:
    """An Attacker's seat, its check, and the length from which a benign prompt drifts.

    Args:
        attacker: a run, whose own check is taken; an exported Attacker, which is asked as in its
            run; a model; or `openai:MODEL@BASE_URL`. Other models are asked by examples.
        key_env: the variable that holds the endpoint's key.
        checked: whether the prompts of a model that is no run's are checked, by similarity.

    Raises:
        AdvGameError: it cannot be loaded.
    """
    found = _open(attacker, key_env, checked)
    return found.seat, found.check, found.drift


@cache
def _open(attacker: str, key_env: str | None, checked: bool = False) -> _Attacker:
    target = target_of(attacker, role=Role.ATTACKER)
    if target.endpoint is not None:
        model, url = target.endpoint
        engine = OpenAIEngine(base_url=url, key_env=key_env)
        return _of_no_run(OpenAISampler(engine, model), checked, None)
    loaded = load_target(target)
    if target.config is None or target.run is None:
        card = target.exported if target.role is Role.ATTACKER else None
        return _of_no_run(loaded.sampler, checked, loaded, card)
    config = target.config
    return _Attacker(
        seat=seat_of(config, Role.ATTACKER, loaded.sampler),
        check=Judges(config, Path(target.run)).check(),
        drift=config.game.drift_ratio,
        fingerprint=_known(loaded, config.model_dump_json()),
    )


def _of_no_run(
    sampler: Sampler,
    checked: bool,
    loaded: Loaded | None,
    exported: Exported | None = None,
) -> _Attacker:
    own = exported or Exported(
        role=Role.ATTACKER,
        format="fewshot",
        system=None,
        sampling=RunConfig().attacker.sampling.model_copy(update={"truncation": "accept"}),
    )
    how = own.sampling
    judge: FaithfulnessCheck = NoCheck()
    if checked:
        judge = build_check(SimilarityCheckConfig(), judge_samplers(), build_embedder, None)
    return _Attacker(
        seat=ModelSeat(
            sampler=sampler,
            format=get_format(Role.ATTACKER, own.format),
            sampling=how.draws,
            system=own.system,
            accept_truncated=how.truncation == "accept",
        ),
        check=judge,
        drift=None,
        fingerprint=_known(loaded, repr(exported or how.draws)) if loaded else None,
    )


def _known(loaded: Loaded, how: str) -> str | None:
    return digest(loaded.fingerprint, how) if loaded.fingerprint else None


def _in_a_thread(work: Callable[[], T]) -> T:
    """Run `work` where no event loop runs: Inspect builds tasks inside its own."""
    found: list[T] = []
    failed: list[BaseException] = []

    def target() -> None:
        try:
            found.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]
