"""`advgame study`: schemes at equal compute, over run seeds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

if TYPE_CHECKING:
    from advgame.study.folders import Folders
    from advgame.study.plan import Plan
    from advgame.study.pool import Watcher


def study(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A study file (YAML).")],
    workers: Annotated[
        int | None, typer.Option(min=1, help="Runs at once, a thread each; default free cores.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of everything; default runs/study-NAME.")
    ] = None,
    records: Annotated[
        Path | None, typer.Option(help="Folder of the compact records; default OUT/records.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the runs and what is done of them; stop.")
    ] = False,
    report_only: Annotated[
        bool,
        typer.Option("--report-only", help="Run and write nothing; report the records there are."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as one JSON object, nothing else.")
    ] = False,
) -> None:
    """Run schemes over run seeds at equal compute, measure them, and report paired intervals.

    The report is written to OUT/study.json; `advgame report` makes a page of it.

    Goes on where it was stopped: Ctrl-C, kill -9 and power loss cost at most the steps since the
    last checkpoint. A finished run leaves a compact record; a run whose record is there is not
    run again.
    """
    import json
    import shlex

    from rich.console import Console
    from rich.padding import Padding

    from advgame.hostile import clean
    from advgame.store.atomic import write_json
    from advgame.store.damage import reading
    from advgame.study.analyse import analyse
    from advgame.study.folders import Folders
    from advgame.study.plan import check_sources, make_plan
    from advgame.study.run import records as read_records
    from advgame.study.table import tables

    plan = make_plan(file)
    if not report_only:  # which needs the records alone
        check_sources(file, plan)
    folder = out or Path("runs") / f"study-{plan.study.name}"
    folders = Folders(folder, records or folder / "records")
    if dry_run:
        _show_plan(plan, folders)
        return
    failures = {} if report_only else _run(file, plan, folders, workers)
    with reading(folders.records, "holds a damaged record"):
        report = analyse(plan, read_records(plan, folders))
    named = [("--out", out), ("--records", records)]
    options = [word for name, path in named if path for word in (name, str(path))]
    report["command"] = shlex.join(["advgame", "study", str(file), *options])
    if not report_only:
        write_json(folder / "study.json", report)
    if as_json:
        typer.echo(json.dumps(report))
    else:
        console = Console(highlight=False, markup=False)
        for part in tables(report):
            if isinstance(part, str) and part.startswith("  "):  # its further lines as well
                console.print(Padding(part.strip(), (0, 0, 0, 2)))
            else:
                console.print(part)
    if not report_only:
        typer.echo(folder / "study.json", err=as_json)
    for key, why in failures.items():
        typer.echo(f"{key}: {clean(why)} (see {folders.log(key)})", err=True)
    if failures:
        raise typer.Exit(2)


def _run(file: Path, plan: Plan, folders: Folders, workers: int | None) -> dict[str, str]:
    from advgame.engines.threads import free_cores
    from advgame.study.run import run_study

    count = workers or free_cores()
    typer.echo(f"{len(plan.trials)} runs, {count} at once, in {folders.out}", err=True)
    try:
        with _watcher(folders) as watcher:
            return run_study(file, plan, folders, workers=count, watcher=watcher)
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on", err=True)
        raise typer.Exit(130) from None


@contextmanager
def _watcher(folders: Folders) -> Iterator[Watcher]:
    """A line when something begins or ends; on a terminal also where each run stands."""
    from rich.console import Console

    from advgame.cli.words import duration
    from advgame.hostile import clean
    from advgame.study.job import BUSY
    from advgame.study.pool import Task, Watcher
    from advgame.study.run import last_line

    console = Console(stderr=True, highlight=False)

    def say(text: str) -> None:
        console.print(Text(text), soft_wrap=True)

    def ended(task: Task, code: int, seconds: float) -> None:
        told = {0: "done", BUSY: "held by another process; later"}.get(code, "failed")
        say(f"{task.name}: {told} after {duration(seconds)}")

    def tick(running: Sequence[Task], left: int) -> None:
        if console.is_terminal and time.monotonic() - shown[0] > 1:
            shown[0] = time.monotonic()
            lines = [last_line(folders.log(task.key)) or f"{task.key}: loading" for task in running]
            status.update(Text(clean("; ".join([*lines, f"{left} to come"]))))

    shown = [0.0]
    with console.status("") as status:
        yield Watcher(started=lambda task: say(f"{task.name}: begun"), ended=ended, tick=tick)


def _show_plan(plan: Plan, folders: Folders) -> None:
    from rich.console import Console
    from rich.table import Table

    study = plan.study
    table = Table("run", "schedule", "record", "cells missing", title=study.name)
    for trial in plan.trials:
        record = folders.record(trial)
        lacking = folders.lacking(plan, trial, record)
        kind = trial.config.schedule.type if trial.trains else "untrained"
        table.add_row(trial.key, kind, "yes" if record else "no", str(len(lacking)))
    console = Console(highlight=False, markup=False)
    console.print(table)
    runs = sum(trial.trains for trial in plan.trials)
    own = "".join(f", {a.name} {a.budget_tokens:,}" for a in study.arms if a.budget_tokens)
    console.print(
        f"{runs} runs of {study.budget_tokens:,} sampled plus trained tokens each{own}; "
        f"{study.evaluate.seeds} test seeds a set at most"
    )
