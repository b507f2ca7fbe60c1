"""`advgame export`: a player as a Hugging Face folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from advgame.types import Weights


def export(
    run: Annotated[
        str, typer.Argument(metavar="RUN[@STEP|@best]", help="A run folder, or a checkpoint of it.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write; must be new.")],
    role: Annotated[
        Literal["defender", "attacker"], typer.Option(help="Which player.", show_default=False)
    ],
    weights: Annotated[
        Weights | None,
        typer.Option(help="Trained weights or their average; default those that play in the run."),
    ] = None,
    step: Annotated[
        int | None, typer.Option(min=0, help="Which checkpoint; default the newest.")
    ] = None,
    form: Annotated[
        Literal["merged", "adapter"], typer.Option(help="Whole weights, or the adapter alone.")
    ] = "merged",
) -> None:
    """Write a trained player as a folder that transformers and vLLM load."""
    from advgame.store.reader import open_readonly
    from advgame.store.select import with_step

    folder, which = with_step(run, step)
    open_readonly(folder)  # before the imports that take seconds
    from advgame.models.export import export as write
    from advgame.types import Role

    typer.echo(write(folder, out, role=Role(role), weights=weights, step=which, form=form))
