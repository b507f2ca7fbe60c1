"""A small study from the first step to the report, stopped on the way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from small_study import STUDY, StoppedError, go

from advgame.errors import StoreError
from advgame.study import run
from advgame.study.analyse import analyse
from advgame.study.folders import MOST_BYTES, Folders
from advgame.study.job import work
from advgame.study.plan import Plan, make_plan
from advgame.study.pool import Watcher
from advgame.study.run import due, records, start, tasks


def test_a_failure_made_good_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    plan, folders = make_plan(tmp_path / "study.yaml"), Folders(tmp_path, tmp_path)
    failed = [task for task in tasks(plan) if task.name.startswith("run")]
    monkeypatch.setattr(run, "drive", lambda *_, **__: failed)
    monkeypatch.setattr(run, "due", lambda *args: args[-1].key == "red-0")
    log = folders.log("red-0")
    log.parent.mkdir()
    log.write_text("one\nwhy\n")
    watcher = Watcher(started=print, ended=print, tick=print)
    left = run.run_study(tmp_path, plan, folders, workers=1, watcher=watcher)
    assert left == {"red-0": "why"}


def without_seconds(found: Any) -> Any:
    if isinstance(found, dict):
        return {k: without_seconds(v) for k, v in found.items() if "seconds" not in k}
    return found


@pytest.mark.timeout(900)  # a minute of work, on a machine that may be loaded
def test_a_study_stopped_again_and_again_ends_as_one_that_was_not(
    plan: Plan, tmp_path: Path
) -> None:
    def at(name: str) -> Folders:
        return Folders(tmp_path / name, tmp_path / name / "records")

    go(plan, at("whole"))
    for stop in ("joint-0: step 1,", "joint-0: harmful/red"):
        with pytest.raises(StoppedError):
            go(plan, at("broken"), stop)
    go(plan, at("broken"))
    whole, broken = (records(plan, at(name)) for name in ("whole", "broken"))
    assert without_seconds(broken) == without_seconds(whole)

    assert not any(due(plan, at("broken"), task) for task in tasks(plan))
    report = analyse(plan, whole)
    assert report["missing"] == {}
    json.dumps(report, allow_nan=False)
    for key in ("joint-0", "red-0"):
        cost = whole[key]["cost"]
        assert cost["sampled_tokens"] + cost["trained_tokens"] >= 700
        assert (tmp_path / f"whole/records/{key}.json").stat().st_size < MOST_BYTES / 4
        assert len(whole[key]["curve"]["attacker/harmful/reward"]) == whole[key]["steps"]
    cells = whole["joint-0"]["evaluation"]["cells"]
    assert cells["harmful/red attacker"]["by"] == plan.by_key("red-0").hash
    assert len(cells["harmful/red attacker"]["outcomes"]) == 3
    assert len(cells["harmful/red attacker"]["refused"]) == 3
    text = (tmp_path / "whole/records/joint-0.json").read_text()
    answer = json.loads((tmp_path / "whole/answers/joint-0.json").read_text())
    assert answer["harmful/plain"][0]["seed"] not in text  # a record names no request

    # An Attacker trained anew: whoever met the old one meets the new one, and nothing else is done.
    path = at("whole").attacks("red-0")
    other = json.loads(path.read_text())
    other["prompts"][0]["text"] = "Another prompt."
    path.write_text(json.dumps(other))
    left = {task.name for task in tasks(plan) if due(plan, at("whole"), task)}
    assert left == {"meet start", "meet joint-0", "run red-0", "meet red-0"}
    go(plan, at("whole"))
    assert not any(due(plan, at("whole"), task) for task in tasks(plan))
    before, after = (
        each["joint-0"]["evaluation"]["cells"] for each in (whole, records(plan, at("whole")))
    )
    assert [name for name in before if before[name]["prompts"] != after[name]["prompts"]] == [
        "harmful/red attacker"
    ]

    # In a fresh checkout there are records, what the Attackers wrote, and nothing else.
    shutil.rmtree(tmp_path / "whole/runs")
    assert not any(due(plan, at("whole"), task) for task in tasks(plan))
    shutil.rmtree(tmp_path / "whole/records/attacks")
    left = [task.name for task in tasks(plan) if due(plan, at("whole"), task)]
    assert left == ["run start"]  # the untrained players can be asked again, and are cheap
    path = tmp_path / "whole/records/joint-0.json"
    torn = json.loads(path.read_text())
    del torn["evaluation"]["cells"]["harmful/plain"]
    path.write_text(json.dumps(torn))
    with pytest.raises(StoreError, match="is gone or another run, so joint-0 cannot be"):
        work(plan, plan.by_key("joint-0"), at("whole"))


def test_rows_of_run_seeds_are_made_whole_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY.replace("seeds: [0]", "seeds: [0, 1]"))
    names = [task.name for task in tasks(make_plan(tmp_path / "study.yaml"))]
    assert names == [
        *("run start", "run joint-0", "run red-0", "meet start", "meet joint-0", "meet red-0"),
        *("run joint-1", "run red-1", "meet joint-1", "meet red-1"),
    ]


def test_a_record_of_another_configuration_is_not_taken_for_this_one(
    plan: Plan, tmp_path: Path
) -> None:
    folders = Folders(tmp_path, tmp_path / "records")
    trial = plan.by_key("joint-0")
    config = trial.config.model_dump(mode="json")
    config["defender"]["learn"]["lr"] = 0.5
    folders.write_record(trial, {"config": config, "hash": "x"})
    with pytest.raises(StoreError, match=r"another configuration: defender\.learn\.lr differ"):
        folders.record(trial)
    with pytest.raises(StoreError, match=r"lower evaluate\.seeds"):
        folders.write_record(trial, {"config": "x" * MOST_BYTES})


def test_a_damaged_file_of_attacks_is_named(plan: Plan, tmp_path: Path) -> None:
    folders = Folders(tmp_path, tmp_path / "records")
    path = folders.attacks("red-0")
    path.parent.mkdir(parents=True)
    path.write_text('{"hash": "x"}')
    with pytest.raises(StoreError, match=r"attacks/red-0\.json is damaged"):
        folders.lacking(plan, plan.by_key("joint-0"), None)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_ends_with_the_process_that_started_it_and_goes_on(
    plan: Plan, tmp_path: Path
) -> None:
    """What `kill -9` of the study does to its runs: their standard input closes."""
    (tmp_path / "study.yaml").write_text(STUDY.replace("700", "9_000_000"))
    folders = Folders(tmp_path / "out", tmp_path / "records")
    process = start(tmp_path / "study.yaml", folders, "joint-0")
    steps = folders.run("joint-0") / "metrics.jsonl"
    wait_for(lambda: steps.is_file() and steps.stat().st_size > 0, process, folders)
    second = start(tmp_path / "study.yaml", folders, "joint-0")
    assert second.wait(timeout=600) == 75  # held: to be tried again later
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=600) == 1
    third = start(tmp_path / "study.yaml", folders, "joint-0")
    done = len(steps.read_text().splitlines())
    wait_for(lambda: len(steps.read_text().splitlines()) > done + 1, third, folders)
    third.kill()
    third.wait()
    numbers = [json.loads(line)["step"] for line in steps.read_text().splitlines()[:-1]]
    assert numbers == list(range(len(numbers)))


def wait_for(there: Any, process: subprocess.Popen[bytes], folders: Folders) -> None:
    deadline = time.monotonic() + 600
    while not there():
        log = folders.log("joint-0")
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def test_the_command_reports_records_without_a_framework(plan: Plan, tmp_path: Path) -> None:
    code = (
        "import sys; from advgame.cli.app import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'transformers'} & sys.modules.keys()"
    )
    for options in (["--dry-run"], ["--report-only", "--json"]):
        arguments = ["study", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "o"), *options]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        if "--json" in options:
            assert json.loads(done.stdout)["missing"].keys() == {t.key for t in plan.trials}
        else:
            assert "2 runs of 700 sampled plus trained tokens each" in done.stdout
