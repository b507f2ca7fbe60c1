"""Study files: what they may say, and which runs they ask for."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from advgame.config import load
from advgame.config.load import compose
from advgame.config.overrides import flat
from advgame.errors import AdvGameError, ConfigError, StoreError
from advgame.evals.subjects import held_out_seeds
from advgame.study.cells import asked, cells_of, needs
from advgame.study.folders import read_json
from advgame.study.plan import check_sources, make_plan

ROOT = Path(__file__).resolve().parents[2]
STUDY = """
name: small
base: tiny
set: {train: {validation: {every: 0}}}
budget_tokens: 900
seeds: [3, 4]
reference: joint
arms:
  - {name: joint, seeds: [3, 4, 5]}
  - {name: static, preset: fixed.yaml}
  - {name: red, set: {schedule: {type: attacker-only}}, seeds: [3]}
evaluate: {seeds: 4, attackers: [joint, red]}
"""


def write(folder: Path, text: str = STUDY) -> Path:
    (folder / "fixed.yaml").write_text("extends: tiny\nschedule: {type: static}\n")
    path = folder / "study.yaml"
    path.write_text(text)
    return path


def test_a_plan_gives_every_arm_a_run_before_any_gets_its_second(tmp_path: Path) -> None:
    plan = make_plan(write(tmp_path))
    assert [trial.key for trial in plan.trials] == [
        "start", "joint-3", "static-3", "red-3", "joint-4", "static-4", "joint-5",
    ]  # fmt: skip
    for trial in plan.trials[1:]:
        assert trial.config.train.budget_tokens == 900
        assert trial.config.train.validation.every == 0
        assert (trial.config.seed, trial.config.train.threads) == (trial.seed, 1)
    assert plan.by_key("static-4").config.schedule.type == "static"


def test_an_arm_may_have_a_budget_of_its_own(tmp_path: Path) -> None:
    plan = make_plan(
        write(tmp_path, STUDY.replace("{name: red,", "{name: red, budget_tokens: 70,"))
    )
    spent = {trial.arm: trial.config.train.budget_tokens for trial in plan.trials}
    assert spent == {"start": 900, "joint": 900, "static": 900, "red": 70}
    assert asked(plan) == asked(make_plan(write(tmp_path)))


def test_defenders_meet_the_attackers_of_the_same_place(tmp_path: Path) -> None:
    plan = make_plan(write(tmp_path))
    static = plan.by_key("static-4")
    assert {arm: run.key for arm, run in plan.opponents(static).items()} == {
        "joint": "joint-4",
        "red": "red-3",  # it has one run seed: counted round
    }
    assert needs(plan, static) == ("start", "joint-4", "red-3")
    assert [cell.name for cell in cells_of(plan, plan.by_key("joint-3"))] == [
        "harmful/plain",
        "benign-edgy/plain",
        "benign-everyday/plain",
        "harmful/templates",
        "harmful/untrained attacker",
        "harmful/red attacker",
        "harmful/own attacker",
        "harmful/own attacker@start",
    ]
    assert [cell.name for cell in cells_of(plan, plan.by_key("red-3"))] == [
        "harmful/own attacker@start"  # its Defender is the untrained one
    ]


def test_a_hash_is_of_what_changes_numbers(tmp_path: Path) -> None:
    def first(old: str = "", new: str = "") -> str:
        return make_plan(write(tmp_path, STUDY.replace(old, new, 1))).trials[1].hash

    same = first()
    assert first("{every: 0}", "{every: 0}, save: {every: 5}, threads: 2") == same
    assert first("name: small", "name: other") == same
    assert first("{every: 0}", "{every: 0}, lag: 1") != same
    assert first("budget_tokens: 900", "budget_tokens: 901") != same


def test_an_older_configuration_is_compared_key_by_key(tmp_path: Path) -> None:
    trial = make_plan(write(tmp_path)).trials[1]
    old = trial.config.model_dump(mode="json")
    assert trial.differs(old) == []
    del old["judges"]["faithfulness"]  # as `tiny` sets it; the default is another
    del old["game"]["judge_against"]  # as the default: a key that came after the record
    old["attacker"]["learn"]["lr"] = 0.5
    old["train"]["save"]["every"] = 99
    assert trial.differs(old) == ["attacker.learn.lr", "judges.faithfulness.type"]


@pytest.mark.parametrize(
    ("arm", "theirs", "keys"),
    [
        ("pool: null", "pool: {share: 0.5}", ["pool"]),
        ("pool: {share: 0.5}", "pool: null", ["pool.every", "pool.share", "pool.size"]),
        (
            "defender: {adapter: {rank: 8}}",
            "defender: {adapter: null}",
            [f"defender.adapter.{key}" for key in ("alpha", "first_layer", "rank", "targets")],
        ),
        ("defender: {adapter: null}", "defender: {adapter: {rank: 8}}", ["defender.adapter"]),
    ],
)
def test_a_section_that_came_or_went_is_a_difference(
    tmp_path: Path, arm: str, theirs: str, keys: list[str]
) -> None:
    """Also where the default is the one or the other."""
    trees = [yaml.safe_load(text) for text in (arm, theirs)]
    now, old = (compose("tiny", tree) for tree in trees)
    trial = replace(make_plan(write(tmp_path)).trials[1], config=now)
    found = trial.differs(old.model_dump(mode="json"))
    assert sorted(found) == keys
    assert trial.differs(now.model_dump(mode="json")) == []


def test_all_arms_are_measured_by_one_judge(tmp_path: Path) -> None:
    text = STUDY.replace(
        "set: {schedule", "set: {judges: {evaluation: {type: embedded, name: b}}, schedule", 1
    )
    with pytest.raises(ConfigError, match=r"arm .*judges\.evaluation is not the base's"):
        make_plan(write(tmp_path, text))


def test_the_way_of_asking_has_a_hash_of_its_own(tmp_path: Path) -> None:
    def way(old: str = "", new: str = "") -> str:
        return asked(make_plan(write(tmp_path, STUDY.replace(old, new, 1))))

    assert way("attackers: [joint, red]", "attackers: [joint]") == way()
    assert way("seeds: 4,", "seeds: 5,") != way()
    assert way("seeds: 4,", "seeds: 4, draw: 0,") == way()  # the default says nothing new
    assert way("seeds: 4,", "seeds: 4, draw: 1,") != way()


def test_draws_of_a_set_are_different_questions() -> None:
    draws = [held_out_seeds(load("tiny"), ("benign-edgy",), 20, draw) for draw in range(12)]
    for name in ("harmful", "benign-edgy"):
        sets = [{seed.id for seed in draw[name]} for draw in draws]
        assert all(len(each) == 20 for each in sets)
        assert not sets[0] & sets[1]
    edgy = [{seed.id for seed in draw["benign-edgy"]} for draw in draws]
    assert len(set.union(*edgy[:11])) == 220  # of 236: the twelfth begins anew
    assert edgy[11] not in edgy[:11]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("reference: joint", "reference: joined", "reference: no arm is named 'joined'"),
        ("[joint, red]", "[joint, blue]", "evaluate.attackers: no arm is named 'blue'"),
        ("name: red", "against: blue, name: red", "arms: against of red: no arm is named 'blue'"),
        ("name: red", "against: red, name: red", "red is to be compared with itself"),
        (
            "- {name: joint",
            "- {against: static, name: joint",
            "arms: joint and static are to be compared twice",
        ),
        ("name: red", "name: joint", "'joint' is taken"),
        ("name: red", "name: start", "'start' is taken"),
        ("name: red", "name: Red One", "arms.2.name"),
        ("seeds: [3, 4]\n", "seeds: [3, 3]\n", "distinct run seeds"),
        ("budget_tokens: 900", "budget_tokens: 0", "budget_tokens"),
        ("budget_tokens: 900", "budget: 900", "key budget; did you mean budget_tokens?"),
        ("budget_tokens: 900\n", "", "budget_tokens: Field required"),
        ("seeds: 4,", "sedes: 4,", "unknown key evaluate.sedes; did you mean seeds?"),
        ("base: tiny", "base: tinny", "did you mean tiny?"),
        ("preset: fixed.yaml", "preset: gone.yaml", "study.yaml: arm static: gone.yaml: no such"),
        ("type: attacker-only", "type: attacker", "study.yaml: arm red: schedule.type"),
        ("every: 0", "every: often", "train.validation.every"),
        ("{train: ", "{judges: {evaluation: null}, train: ", "the judge that trains would measure"),
        ("seeds: 4", "primary: [harmful/plane], seeds: 4", "'harmful/plane' is not measured of"),
        (
            "seeds: 4",
            "primary: [harmful/plain, benign-edgy/plain], seeds: 4",
            "they ask different sets: benign-edgy, harmful",
        ),
        ("seeds: 4", "fixed: [{name: plain, collection: templates}], seeds: 4", "two cells"),
        ("seeds: 4", "seeds: many", "evaluate.seeds: should be a valid integer"),
        ("{train: ", "{train: {budget_tokens: 9}, train: ", "given twice"),
        ("every: 0}", "every: 0}, steps: 3", "set: train.steps is the study's"),
        ("{schedule: ", "{train: {budget_tokens: 9}, schedule: ", "train.budget_tokens is the"),
        ("[joint, red]", "[joint, static]", "the Attacker of static does not learn"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in STUDY
    with pytest.raises(ConfigError) as caught:
        make_plan(write(tmp_path, STUDY.replace(old, new, 1)))
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seeds: 4", "benign: [benign-edgi], seeds: 4", "did you mean benign-edgy?"),
        ("seeds: 4", "fixed: [{name: t, collection: tmplates}], seeds: 4", "named 'tmplates'"),
        ("schedule: {type: attacker-only}", "seeds: {harmful: [gone.jsonl]}", "gone.jsonl: no"),
        (
            "seeds: 4",
            "fixed: [{name: t, collection: templates, longest: 1}], seeds: 4",
            "no template has at most 1 characters; the shortest has",
        ),
    ],
)
def test_what_is_read_hours_later_is_checked_before(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    check_sources(tmp_path, make_plan(write(tmp_path)))
    plan = make_plan(write(tmp_path, STUDY.replace(old, new, 1)))  # all that a report needs
    with pytest.raises(AdvGameError, match=re.escape(told)):
        check_sources(tmp_path, plan)


def test_an_out_that_is_a_file_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot read .*: Not a directory"):
        read_json(write(tmp_path) / "start.json")


SHIPPED = sorted(set((ROOT / "studies").glob("*.yaml")) - {ROOT / "studies/base.yaml"})  # no study


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_the_shipped_studies_are_plans_over_laptop(path: Path) -> None:
    plan = make_plan(path)
    by_arm = {arm.name: len(plan.of(arm.name)) for arm in plan.study.arms}
    assert min(by_arm.values()) >= 3
    for trial in plan.trials:
        assert trial.config.attacker.model == "smollm2-135m-instruct"
        assert trial.config.judges.evaluation != trial.config.judges.defender
    if path.stem == "schemes":
        assert by_arm["joint"] == by_arm["sequential"] == 5


def test_an_ablation_that_names_its_other_arm_differs_from_it_in_one_key() -> None:
    plan = make_plan(ROOT / "studies/ablations.yaml")

    def differing(arm: str, other: str) -> set[str]:
        mine, theirs = (
            dict(flat(plan.of(name)[0].config.model_dump(mode="json", exclude={"name"})))
            for name in (arm, other)
        )
        return {key for key in mine | theirs if mine.get(key) != theirs.get(key)}

    named = {arm.name: arm.against for arm in plan.study.arms if arm.against}
    assert {arm: differing(arm, other) for arm, other in named.items()} == {
        "pairwise": {"judges.defender.mode"},
        "one-guide-first": {"game.attacker_reply"},
    }
    config = plan.of("pairwise")[0].config  # whose scores are ranks: nothing is told in points
    for player in (config.attacker, config.defender):
        gap = player.learn.credit.min_gap
        assert gap.harmful == gap.benign == 0
    for reward in (config.game.attacker_reward, config.game.defender_reward):
        assert reward.novelty_from == 0
    assert config.game.defender_reward.novelty < 10 / (config.game.direct_replies - 1)


def test_whom_an_arm_is_compared_with_changes_no_run(tmp_path: Path) -> None:
    plain = make_plan(write(tmp_path))
    named = make_plan(write(tmp_path, STUDY.replace("name: red", "against: static, name: red")))
    assert named.study.compared == {"static": "joint", "red": "static"}
    assert asked(named) == asked(plain)
    for one, other in zip(named.trials, plain.trials, strict=True):
        assert one.hash == other.hash
        assert one.differs(other.config.model_dump(mode="json")) == []
