"""`advgame view`: browse rollouts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0 = a free one.")
    ] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Browse every rollout tree of RUN in a browser: filter by fault, reward, kind and step."""
    from advgame.report.view import serve_view

    serve_view(run, port, browser)
