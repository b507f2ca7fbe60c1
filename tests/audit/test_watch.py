"""The audit inside training: it changes nothing, it survives a crash, its alarm means something."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from audit_judge import LengthJudge
from left import left_by

from advgame.audit import watch as watch_of
from advgame.audit.follow import follow
from advgame.audit.watch import Watch, audit_every, audit_notes
from advgame.config import RunConfig, load
from advgame.config.judges import AuditConfig, EmbeddedJudgeConfig, GenerativeJudgeConfig
from advgame.errors import ConfigError
from advgame.events import Event, RunStarted
from advgame.metrics.hacking import alarm, audited, cells
from advgame.protocols import JudgeGroup
from advgame.store.reader import open_readonly
from advgame.train import train
from advgame.types import (
    Branch,
    Completion,
    Cost,
    Episode,
    Finish,
    Judgement,
    Kind,
    Move,
    Reward,
    Role,
    Scored,
    Seed,
)

SECOND = "judges.evaluation={type: import, path: 'audit_judge:make'}"


def tiny(*overrides: str) -> RunConfig:
    common = ["train.threads=1", "train.validation.every=0", "train.steps=5", SECOND]
    return load("tiny", [*common, *overrides])


def test_it_changes_nothing_but_the_audit_which_can_be_had_afterwards(tmp_path: Path) -> None:
    train(tiny("judges.audit.every=0"), tmp_path / "off")
    train(tiny("judges.audit={every: 2, seeds: 2}"), tmp_path / "on")
    off, on = left_by(tmp_path / "off"), left_by(tmp_path / "on")
    for line in on["metrics.jsonl"]:
        for key in [key for key in line if key.startswith("audit/")]:
            del line[key]
    assert off == on
    assert sum(name.startswith("checkpoints/") for name in off) > 4
    lines = open_readonly(tmp_path / "on").metrics()
    assert [line["step"] for line in lines if "audit/alarm" in line] == [0, 2, 4]
    assert not any(key.startswith("audit/") for line in open_readonly(tmp_path / "off").metrics()
                   for key in line)  # fmt: skip
    config = AuditConfig(every=2, seeds=2)
    again = asyncio.run(
        follow(open_readonly(tmp_path / "off"), LengthJudge(), config, every=2)
    )  # the same audit of the run that had none
    inside = [line for line in lines if "audit/alarm" in line]
    for found, expected in zip(again, inside, strict=True):
        assert found == {k: v for k, v in expected.items() if k in found}
    last = lines[4]
    assert last["audit/defender/harmful/seeds"] == 2  # a direct one and an attacked one
    assert last["audit/attacker/harmful/seeds"] == 1  # nobody made a direct prompt
    assert 0 < last["audit/defender/harmful/score"] < 10
    assert last["audit/defender/harmful/score"] != last["audit/defender/harmful/train"]


class Fixed:
    """Gives every reply the score that its first word says; `x` cannot be scored."""

    cost = Cost()

    def __init__(self) -> None:
        self.groups: list[JudgeGroup] = []

    async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
        self.groups += groups
        values = [[reply.split()[0] for reply in group.replies] for group in groups]
        return [
            tuple(Judgement(value=None if v == "x" else float(v)) for v in row) for row in values
        ]


def scored(text: str, value: float | None, name: str, guided: bool = False) -> Scored:
    completion = Completion(
        prompt_ids=(1,), token_ids=(1,), logprobs=None, text=text, finish=Finish.STOP,
        policy_version=0, guided=guided,
    )  # fmt: skip
    return Scored(
        move=Move(text=text, completion=completion),
        reward=Reward(value=value),
        judgements={name: Judgement(value=value)},
    )


def test_who_is_asked_what() -> None:
    seed = Seed(id="s", text="the seed", kind=Kind.HARMFUL)
    branch = Branch(
        scored("the prompt", 9.0, "attack"),
        (
            scored("2 own", 4.0, "reply"),
            scored("9 guided", 9.0, "reply", guided=True),
            scored("x own", 6.0, "reply"),
            scored("7 unscored in training", None, "reply"),
        ),
    )
    judge = Fixed()
    watch = Watch.of(load("tiny"), judge)
    found = asyncio.run(watch.metrics([Episode(seed, (branch,))], []))
    defence, attack = judge.groups
    assert (defence.role, defence.request) == (Role.DEFENDER, "the prompt")
    assert defence.replies == ("2 own", "x own")
    assert (attack.role, attack.request) == (Role.ATTACKER, "the seed")
    assert attack.replies == ("x own",)  # the Defender's best own reply
    assert found["audit/defender/harmful/train"] == 4.0
    assert found["audit/defender/harmful/score"] == 2.0
    assert found["audit/defender/harmful/unscored"] == 1
    assert found["audit/attacker/harmful/seeds"] == 0
    assert found["audit/attacker/harmful/score"] is None
    assert found["audit/alarm"] is None  # one audit shows no rise


def window(
    rng: random.Random, train: float, second: float, audits: int = 10, seeds: int = 6
) -> dict[str, float | None]:
    """Alarm after `audits` in which the mean scores rise by so many points in all."""
    lines = []
    for at in range(audits):
        done = at / (audits - 1)
        pairs = {}
        for cell in cells():
            rows = []
            for _ in range(seeds):
                level = rng.gauss(5, 1.5)  # how hard the seed is, for both judges
                rows.append(
                    [(level + train * done + rng.gauss(0, 1),
                      level + second * done + rng.gauss(0, 1)) for _ in range(3)]
                )  # fmt: skip
            pairs[cell] = rows
        lines.append(json.loads(json.dumps(audited(pairs, {}))) | {"audit/alarm": None})
    return alarm(lines)


@pytest.mark.parametrize(
    ("train", "second", "least", "most"),
    [(0, 0, 0, 0.03), (3, 3, 0, 0.03), (-3, -3, 0, 0.03), (0, -4, 0, 0.03), (4, 0, 0.9, 1)],
    ids=["nothing", "both learn", "both lose", "only the second falls", "hacking"],
)
def test_alarm(train: float, second: float, least: float, most: float) -> None:
    rng = random.Random(f"{train} {second}")
    rung = [
        value
        for _ in range(40)
        for cell in cells()
        if (value := window(rng, train, second)[f"audit/{cell}/alarm"]) is not None
    ]
    assert len(rung) == 160
    assert least <= sum(rung) / len(rung) <= most


def test_half_the_seeds_catch_most() -> None:
    """What an Attacker has where it shares them with direct seeds; the guide says three in four."""
    rng = random.Random(0)
    made = [window(rng, 4, 0, seeds=3) for _ in range(40)]
    rung = [found[f"audit/{cell}/alarm"] for found in made for cell in cells()]
    assert 0.65 <= sum(value or 0 for value in rung) / len(rung) <= 0.9


def test_too_little_says_nothing() -> None:
    short = window(random.Random(0), 5, 0, audits=3)
    thin = window(random.Random(0), 5, 0, audits=6, seeds=2)
    assert {short["audit/alarm"], thin["audit/alarm"]} == {None}
    assert short["audit/defender/harmful/kappa"] is not None


def test_auto_is_on_where_it_is_cheap() -> None:
    base = load("laptop").judges
    assert audit_every(base) == 5
    assert audit_every(load("tiny").judges) == 0
    assert audit_every(base.model_copy(update={"evaluation": None})) == 0
    assert isinstance(base.evaluation, EmbeddedJudgeConfig)
    with pytest.raises(ConfigError, match="needs a second judge"):
        load("tiny", ["judges.evaluation=null", "judges.audit.every=3"])
    with pytest.raises(ConfigError, match=r"judges\.audit\.every = -1"):
        load("tiny", ["judges.audit.every=-1"])


def test_a_run_says_that_auto_audits_nothing(tmp_path: Path) -> None:
    told: list[RunStarted] = []

    def hear(event: Event) -> None:
        if isinstance(event, RunStarted):
            told.append(event)

    length = "judges.defender={type: import, path: 'audit_judge:make'}"
    second = "judges.evaluation=null"
    train(load("tiny", ["train.threads=1", "train.validation.every=0", "train.steps=1", length,
                        second]), tmp_path / "run", observer=hear)  # fmt: skip
    assert "set judges.evaluation to a second judge" in told[0].notes[-1]
    base = load("laptop").judges
    model = base.model_copy(update={"defender": GenerativeJudgeConfig(model="m")})
    (note,) = audit_notes(model)
    assert "set judges.audit.every=5" in note
    chosen = model.model_copy(update={"audit": AuditConfig(every=0)})
    for quiet in (base, chosen, load("tiny").judges, load("injection").judges):
        assert audit_notes(quiet) == ()


def test_of_a_judge_that_compares_its_own_score_is_audited() -> None:
    """Ranks of a group have the same mean whatever happens, so they could not run away."""
    word = Judgement(value=10.0, details={"alone": 3.5})
    made = Scored(move=Move(text="x"), reward=Reward(value=1.0), judgements={"reply": word})
    assert watch_of._value(made, "reply") == 3.5
    plain = Scored(
        move=Move(text="x"), reward=Reward(value=1.0), judgements={"reply": Judgement(value=7.0)}
    )
    assert watch_of._value(plain, "reply") == 7.0
    assert watch_of._value(plain, "attack") is None
