"""Running a study: the order of its work, and a process for each piece."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advgame.store.reader import read_json
from advgame.study.cells import cells_of, needs
from advgame.study.folders import Folders
from advgame.study.plan import Plan, Trial
from advgame.study.pool import Task, Watcher, drive


def run_study(
    file: Path, plan: Plan, folders: Folders, *, workers: int, watcher: Watcher
) -> dict[str, str]:
    """Do all that is not done yet; return the failures, run by run, each with its reason.

    Each piece of work has a process and one thread of its own. Any of them, and this one, may be
    killed at any time: called again, this goes on.

    Raises:
        StoreError: a record is damaged or belongs to another configuration.
    """
    for trial in plan.trials:
        folders.record(trial)  # before anything is started
    failed = drive(
        tasks(plan),
        workers=workers,
        start=lambda task: start(file, folders, task.key),
        due=lambda task: due(plan, folders, task),
        watcher=watcher,
    )
    # A run that failed may have been made good by its meeting, which starts the same process.
    left = (task for task in failed if due(plan, folders, task))
    return {task.key: last_line(folders.log(task.key)) for task in left}


def tasks(plan: Plan) -> list[Task]:
    """Place by place of run seed: every run, then every meeting with the Attackers of others.

    So a study that loses its machine, and with it the weights, has whole rows.
    """
    places = sorted({trial.place for trial in plan.trials})
    by_place = [[trial for trial in plan.trials if trial.place == place] for place in places]
    return [
        task
        for trials in by_place
        for task in (
            *(Task(name=f"run {trial.key}", key=trial.key) for trial in trials),
            *(_meeting(plan, trial) for trial in trials),
        )
    ]


def _meeting(plan: Plan, trial: Trial) -> Task:
    runs = (trial.key, *needs(plan, trial))
    return Task(name=f"meet {trial.key}", key=trial.key, after=tuple(f"run {key}" for key in runs))


def due(plan: Plan, folders: Folders, task: Task) -> bool:
    """Whether anything is left of a task."""
    trial = plan.by_key(task.key)
    record = folders.record(trial)
    lacking = folders.lacking(plan, trial, record)
    if task.name.startswith("meet"):
        return bool(lacking)
    alone = {
        cell.name for cell in cells_of(plan, trial) if cell.by is None or cell.by.key == trial.key
    }
    return (
        record is None
        or any(name in alone for name in lacking)
        or _owes_attacks(folders, trial, record)
    )


def _owes_attacks(folders: Folders, trial: Trial, record: Mapping[str, Any] | None) -> bool:
    found = read_json(folders.attacks(trial.key))
    if not trial.trains:
        return found is None or found.get("hash") != trial.hash
    if not (trial.attacker_learns and folders.holds(trial, record)):
        return False
    return found is None or found.get("weights") != folders.weights(trial.key)


def start(file: Path, folders: Folders, key: str) -> subprocess.Popen[bytes]:
    """Start the process of a trial. It ends when this process does."""
    log = folders.log(key)
    log.parent.mkdir(parents=True, exist_ok=True)
    arguments = [str(file), str(folders.out), str(folders.records), key]
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "advgame.study.job", *arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        )


def last_line(log: Path) -> str:
    """The last thing a log says."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


def records(plan: Plan, folders: Folders) -> dict[str, dict[str, Any]]:
    """The records there are, by the key of their run."""
    found = {trial.key: folders.record(trial) for trial in plan.trials}
    return {key: record for key, record in found.items() if record is not None}
