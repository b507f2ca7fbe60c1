"""One piece of work of a study, in a process of its own: `python -m advgame.study.job …`.

    run    train a trial, unless it is; write its Attacker's prompts; measure what can be; record
    meet   measure it against the Attackers of other runs, which have been trained by now

Both do only what is missing, so a job that was killed is simply started again.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from advgame.errors import AdvGameError, StoreError
from advgame.events import Event, StepDone
from advgame.memory import lean
from advgame.study.cells import usable
from advgame.study.folders import Folders
from advgame.study.outcomes import evaluation
from advgame.study.plan import Plan, Trial, make_plan

Say = Callable[[str], None]

BUSY = 75  # another process works on this trial (EX_TEMPFAIL)


def _say(text: str) -> None:
    print(text, flush=True)


def work(plan: Plan, trial: Trial, folders: Folders, *, say: Say = _say) -> None:
    """Bring a trial as far as it can be brought now. Safe to be killed and called again.

    Raises:
        AdvGameError: training or measuring failed; what was done is kept.
    """
    record = folders.record(trial)
    if record is None and trial.trains:
        _train(trial, folders.run(trial.key), say)
    lacking = folders.lacking(plan, trial, record)
    here = not trial.trains or folders.holds(trial, record)
    if not here and lacking:
        raise StoreError(
            f"{folders.run(trial.key)} is gone or another run, so {trial.key} cannot be measured "
            f"further: {len(lacking)} cells stay empty; remove its record to run it again"
        )
    if not here:
        return
    # Imported here, after training has been refused or done: seconds.
    from advgame.study.measure import Measurement
    from advgame.study.record import record_of

    begun = time.monotonic()
    measurement = Measurement(plan, trial, folders)
    if trial.attacker_learns or not trial.trains:
        measurement.write_attacks()
    kept = usable(plan, trial, record)
    known = evaluation(kept) if kept else {}
    whole = record or record_of(trial, folders)

    def keep(measured: dict[str, Any]) -> None:
        if record is not None and not measured["cells"]:
            return  # what is there is not thrown away before something takes its place
        seconds = round(known.get("seconds", 0.0) + time.monotonic() - begun, 1)
        folders.write_record(trial, {**whole, "evaluation": {**measured, "seconds": seconds}})

    measurement.fill(lacking, known, lambda name: say(f"{trial.key}: {name}"), keep)


def _train(trial: Trial, run: Path, say: Say) -> None:
    from advgame.train import train

    def watch(event: Event) -> None:
        if isinstance(event, StepDone):
            spent = int(event.metrics["cost/sampled_tokens"] + event.metrics["cost/trained_tokens"])
            say(f"{trial.key}: step {event.step + 1}, {spent} tokens")

    train(trial.config, run, resume=True, observer=watch)


def main(arguments: list[str]) -> int:
    """STUDY OUT RECORDS KEY → exit code: 0 done, 2 failed with a line, `BUSY`."""
    study, out, records, key = arguments
    lean()
    _die_with_parent()
    folders = Folders(Path(out), Path(records))
    lock = folders.lock(key)
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            plan = make_plan(Path(study))
            work(plan, plan.by_key(key), folders)
    except Timeout:
        return BUSY
    except AdvGameError as error:
        print("failed: " + "; ".join(str(error).splitlines()), flush=True)
        return AdvGameError.exit_code
    return 0


def _die_with_parent() -> None:
    """End when whoever started this process is gone: its end of our standard input closes.

    At once: a run may be stopped at any moment, and a second one must find the lock free.
    """

    def watch() -> None:
        while os.read(0, 1):  # not through sys.stdin, whose lock is wanted when Python ends
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
