"""`advgame report`: write a page anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN|FILE.json", help="A run folder, or what a comparison found."),
    ],
) -> None:
    """Write RUN/report.html, or the page of a comparison beside its JSON.

    One page that needs no network: what happened, curves, transcripts, rollouts, how to repeat it.
    """
    if run.suffix == ".json":
        from advgame.report.compared import build_from_file

        typer.echo(build_from_file(run))
        return
    from advgame.report import build_report

    typer.echo(build_report(run))
