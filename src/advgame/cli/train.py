"""`advgame train`: play and learn."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

RUNS = Path("runs")


def train(
    source: Annotated[
        str, typer.Argument(metavar="PRESET|FILE", help="A preset, a YAML file or a run folder.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Dotted overrides, as train.steps=50."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; default runs/PRESET-N, the next free N.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last complete checkpoint in --out.")
    ] = False,
    fork: Annotated[
        str | None,
        typer.Option("--from", metavar="RUN[@STEP]", help="Start with another run's players."),
    ] = None,
    fresh: Annotated[
        Literal["attacker", "defender"] | None,
        typer.Option(help="With --from: this player starts anew."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show shapes, memory and what would be loaded; stop.")
    ] = False,
) -> None:
    """Train both players. Leaves a run folder with report.html; Ctrl-C stops, --resume goes on."""
    from advgame.config import load
    from advgame.errors import ConfigError

    config = load(source, overrides or ())
    if fresh and fork is None:
        raise ConfigError("--fresh says which player of --from to leave; it needs --from")
    if fresh and config.selfplay:
        raise ConfigError(
            f"--fresh {fresh}: schedule.type = selfplay has one policy for both players; "
            "leave --fresh out, or --from to begin anew"
        )
    _say_fork(source, told=resume or fork is not None)
    folder = out or run_folder(config.name, resume=resume)
    _check(folder, resume, fork, dry_run)
    if dry_run:
        from advgame.dryrun import dry_run as describe

        typer.echo(describe(config))
        return
    again = ["advgame", "train", source, *(overrides or ()), "--out", str(folder), "--resume"]
    if fork:  # stopped before its step 0 is saved, it is a fork only if it is told again
        again += ["--from", fork, *(["--fresh", fresh] if fresh else [])]
    from advgame.cli.ending import show_ending
    from advgame.cli.live import watch
    from advgame.report import build_report
    from advgame.types import Role

    try:
        with watch() as observer:
            from advgame.train import train as run  # takes seconds; the screen says so

            roles = [Role(fresh)] if fresh else []
            run(config, folder, resume=resume, fork=fork, fresh=roles, observer=observer)
    except KeyboardInterrupt:
        typer.echo(f"\nStopped. To go on:  {shlex.join(again)}", err=True)
        raise typer.Exit(130) from None
    show_ending(folder, build_report(folder))


def _check(folder: Path, resume: bool, fork: str | None, dry_run: bool) -> None:
    """What can be refused before the imports that take seconds."""
    from advgame.store.reader import open_readonly
    from advgame.store.run import check_early
    from advgame.store.select import parse_source, resolve_checkpoint

    if not dry_run:
        check_early(folder, resume)
    if fork is None or resume:  # a run that goes on does not need where it came from
        return
    source, which = parse_source(fork)
    if dry_run:
        resolve_checkpoint(source, which)  # is it there and whole?
    else:
        open_readonly(source)  # whether it is whole is read once, when it is taken over


def _say_fork(source: str, *, told: bool) -> None:
    """The configuration of a fork says everything but whose players it began with."""
    from advgame.hostile import clean
    from advgame.store.taught import fork_options

    path = Path(source)
    run = path.parent if path.name == "config.yaml" else path
    options = fork_options(run)
    if options and not told:
        again = shlex.join(map(clean, options))
        typer.echo(f"note: {clean(str(run))} is a fork; to repeat it, add {again}", err=True)


def run_folder(name: str, *, resume: bool) -> Path:
    """The next free `runs/NAME-N`; to resume, the newest one there is."""
    taken = [
        int(match[1])
        for path in (RUNS.iterdir() if RUNS.is_dir() else ())
        if (match := re.fullmatch(rf"{re.escape(name)}-(\d+)", path.name))
    ]
    newest = max(taken, default=0)
    return RUNS / f"{name}-{newest if resume and taken else newest + 1}"
