"""Whose players, prompts and seeds a record is of: what may be put together, and what may not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_study import STUDY, StoppedError, go, write_seeds

from advgame.config import RunConfig
from advgame.errors import StoreError
from advgame.study import measure
from advgame.study.analyse import analyse
from advgame.study.cells import current, missing
from advgame.study.folders import Folders
from advgame.study.job import work
from advgame.study.outcomes import shared
from advgame.study.plan import Plan, make_plan
from advgame.study.run import due, records, tasks
from advgame.world import Judges


def at(folder: Path) -> Folders:
    return Folders(folder, folder / "records")


def test_a_run_on_another_machine_meets_the_attackers_of_this_one(
    plan: Plan, tmp_path: Path
) -> None:
    """Of weights nothing is left there, only the folder of records."""
    here, there = at(tmp_path / "a"), at(tmp_path / "b")
    work(plan, plan.by_key("red-0"), here)
    shutil.copytree(here.records, there.records)
    go(plan, there)
    assert not there.run("red-0").exists()
    cell = records(plan, there)["joint-0"]["evaluation"]["cells"]["harmful/red attacker"]
    assert cell["by"] == plan.by_key("red-0").hash
    written = json.loads(here.attacks("red-0").read_text())["prompts"]
    rows = json.loads(there.answers("joint-0").read_text())["harmful/red attacker"]
    asked = [row["prompt"] for row in rows]
    assert asked == [prompt["text"] for prompt in written]


def forget(folders: Folders, key: str, *cells: str) -> None:
    """Take cells out of a record."""
    path = folders.records / f"{key}.json"
    record = json.loads(path.read_text())
    for name in cells:
        del record["evaluation"]["cells"][name]
    path.write_text(json.dumps(record))


def test_half_a_run_is_not_measured_for_a_record_of_a_whole_one(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY.replace("700", "2_000"))
    plan = make_plan(tmp_path / "study.yaml")
    whole, half = at(tmp_path / "a"), at(tmp_path / "b")
    joint = plan.by_key("joint-0")
    work(plan, joint, whole)

    def stop(text: str) -> None:
        if ": step 2," in text:
            raise StoppedError

    with pytest.raises(StoppedError):
        work(plan, joint, half, say=stop)
    shutil.copytree(whole.records, half.records)
    half.attacks("joint-0").unlink()
    assert "run joint-0" not in [task.name for task in tasks(plan) if due(plan, half, task)]
    forget(half, "joint-0", "harmful/plain")
    with pytest.raises(StoreError, match="gone or another run"):
        work(plan, joint, half)


def test_a_record_is_of_its_own_players_alone(plan: Plan, tmp_path: Path) -> None:
    """The same configuration trained twice, as on two machines, makes two players."""
    one, other = at(tmp_path / "a"), at(tmp_path / "b")
    red = plan.by_key("red-0")
    work(plan, red, one)
    write_seeds(tmp_path, train=" and more")
    work(plan, red, other)
    assert one.weights("red-0") != other.weights("red-0")
    shutil.copyfile(one.records / "red-0.json", other.records / "red-0.json")
    forget(other, "red-0", "harmful/own attacker@start")
    with pytest.raises(StoreError, match="gone or another run"):
        work(plan, red, other)


def test_an_attacker_trained_anew_writes_anew_and_is_no_pair_of_the_old_one(
    plan: Plan, tmp_path: Path
) -> None:
    folders = at(tmp_path / "a")
    go(plan, folders)
    before = records(plan, folders)
    old = json.loads(folders.attacks("red-0").read_text())
    (folders.records / "red-0.json").unlink()
    shutil.rmtree(folders.run("red-0"))
    write_seeds(tmp_path, train=" and more")
    work(plan, plan.by_key("red-0"), folders)
    new = json.loads(folders.attacks("red-0").read_text())
    assert new["hash"] == old["hash"]
    assert new["prompts"] != old["prompts"]

    name = "harmful/red attacker"
    forget(folders, "joint-0", name)
    work(plan, plan.by_key("joint-0"), folders)
    after = records(plan, folders)
    was, now = (each["joint-0"]["evaluation"]["cells"][name] for each in (before, after))
    assert was["by"] == now["by"]
    assert was["prompts"] != now["prompts"]
    sides = ({0: each["joint-0"]} for each in (before, after))
    assert name not in shared(*sides, ())
    left = {**after, "joint-0": before["joint-0"]}  # whose weights are gone: it stays unmeasured
    assert current(plan, before) == before
    assert current(plan, after)["joint-0"] == after["joint-0"]
    found = analyse(plan, left)
    assert found["missing"]["joint-0"] == [name]
    assert name not in found["arms"]["joint"]["measures"]


def test_what_every_attacker_writes_is_checked_by_the_same_check(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Told(Judges):
        def __init__(self, config: RunConfig, out: Path) -> None:
            seen.append((config.name, config.game.drift_ratio))
            super().__init__(config, out)

    monkeypatch.setattr(measure, "Judges", Told)
    text = STUDY.replace("{type: attacker-only}}", "{type: attacker-only}, game: {drift_ratio: 9}}")
    (tmp_path / "study.yaml").write_text(text)
    plan, folders = make_plan(tmp_path / "study.yaml"), at(tmp_path / "a")
    work(plan, plan.by_key("red-0"), folders)
    base = plan.by_key("start").config
    assert plan.by_key("red-0").config.game.drift_ratio != base.game.drift_ratio
    assert seen == [("start", base.game.drift_ratio)]


def test_runs_asked_other_seeds_are_no_pair(tmp_path: Path, plan: Plan) -> None:
    text = STUDY.replace("  - {name: red", "  - {name: twin, set: {seed: 0}}\n  - {name: red")
    (tmp_path / "study.yaml").write_text(text)
    plan, folders = make_plan(tmp_path / "study.yaml"), at(tmp_path / "a")
    for key in ("start", "joint-0", "twin-0"):
        work(plan, plan.by_key(key), folders)
    found = analyse(plan, records(plan, folders))["differences"]["twin"]
    assert found["harmful/plain"]["bootstrap"]["n"] == 3

    (folders.records / "twin-0.json").unlink()
    write_seeds(tmp_path, test="56")  # fewer ones, too
    work(plan, plan.by_key("twin-0"), folders)
    found = analyse(plan, records(plan, folders))
    assert "harmful/plain" not in found["differences"]["twin"]
    assert "twin" not in found["attackers"]


def test_what_evaluate_gains_leaves_the_measured_cells(plan: Plan, tmp_path: Path) -> None:
    folders = at(tmp_path / "a")
    go(plan, folders)
    before = records(plan, folders)
    more = "fixed: [{name: more, collection: templates, longest: 200}], attackers"
    (tmp_path / "study.yaml").write_text(STUDY.replace("attackers", more))
    wider = make_plan(tmp_path / "study.yaml")
    gone = "harmful/templates"  # the default, which `more` takes the place of
    key = "joint-0"
    assert missing(wider, wider.by_key(key), before[key]) == ("harmful/more",)
    with pytest.raises(StoppedError):
        work(wider, wider.by_key(key), folders, say=stop_at("harmful/more"))
    assert records(wider, folders)[key] == before[key]  # nothing is lost before it is replaced
    go(wider, folders)
    after = records(wider, folders)[key]["evaluation"]["cells"]
    assert after.keys() == before[key]["evaluation"]["cells"].keys() | {"harmful/more"}
    assert all(after[name] == cell for name, cell in before[key]["evaluation"]["cells"].items())
    assert not missing(plan, plan.by_key(key), records(plan, folders)[key])
    assert gone in after


def test_a_record_is_not_emptied_before_it_is_filled_anew(plan: Plan, tmp_path: Path) -> None:
    """One whose seeds have changed, or that an earlier version wrote and is asked more."""
    folders = at(tmp_path / "a")
    go(plan, folders)
    path = folders.records / "joint-0.json"
    record = json.loads(path.read_text())
    for cell in record["evaluation"]["cells"].values():
        del cell["asked"]
    record["evaluation"]["asked"] = "otherwise"
    path.write_text(json.dumps(record))
    with pytest.raises(StoppedError):
        work(plan, plan.by_key("joint-0"), folders, say=stop_at("harmful/plain"))
    assert json.loads(path.read_text()) == record
    go(plan, folders)
    assert not missing(plan, plan.by_key("joint-0"), records(plan, folders)["joint-0"])


def stop_at(what: str) -> Callable[[str], None]:
    def say(text: str) -> None:
        if what in text:
            raise StoppedError

    return say


@pytest.mark.parametrize("key", ["config", "evaluation"])
def test_a_damaged_record_is_told_in_a_line(plan: Plan, tmp_path: Path, key: str) -> None:
    folders = at(tmp_path / "a")
    folders.records.mkdir(parents=True)
    config = plan.by_key("start").config.model_dump(mode="json")
    held = {"format": 1, "config": config, "evaluation": {}}
    del held[key]
    (folders.records / "start.json").write_text(json.dumps(held))
    with pytest.raises(StoreError, match=f"start.json is damaged: it has no '{key}'"):
        records(plan, folders)


@pytest.mark.parametrize("cells", [5, {"harmful/plain": 5}])
def test_cells_that_are_none_are_told(plan: Plan, tmp_path: Path, cells: object) -> None:
    folders = at(tmp_path / "a")
    folders.records.mkdir(parents=True)
    config = plan.by_key("start").config.model_dump(mode="json")
    measured = {"asked": "", "seeds": {}, "cells": cells}
    held = {"format": 1, "config": config, "evaluation": measured}
    (folders.records / "start.json").write_text(json.dumps(held))
    with pytest.raises(StoreError, match=r"start\.json is damaged: its 'cells' are none"):
        records(plan, folders)


def test_another_study_on_the_same_records_takes_nothing_away(plan: Plan, tmp_path: Path) -> None:
    folders = at(tmp_path / "a")
    go(plan, folders)
    before = records(plan, folders)["joint-0"]["evaluation"]["cells"]
    assert "harmful/red attacker" in before
    text = STUDY.replace("attackers: [joint, red]", "attackers: [joint]")
    (tmp_path / "other.yaml").write_text(text)
    other = make_plan(tmp_path / "other.yaml")
    folders.attacks("joint-0").unlink()
    go(other, folders)
    assert records(plan, folders)["joint-0"]["evaluation"]["cells"] == before
