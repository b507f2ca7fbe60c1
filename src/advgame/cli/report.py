"""`advgame report`: write a run's page anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
) -> None:
    """Write RUN/report.html: one page that needs no network."""
    from advgame.report import build_report

    typer.echo(build_report(run))
