"""The tree of commands, one file each."""

from __future__ import annotations

from typing import Annotated

import typer

from advgame import __version__
from advgame.cli import (
    assets,
    compare,
    config,
    eval,
    export,
    judge,
    measure,
    play,
    presets,
    redteam,
    report,
    serve,
    study,
    train,
    view,
)

app = typer.Typer(
    help="Train an Attacker LM and a Defender LM against each other, jointly and online.",
    no_args_is_help=True,
    rich_markup_mode="markdown",  # which alone fills the lines of a docstring anew
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"advgame {__version__}")
        raise typer.Exit


@app.callback()
def advgame(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks. Accepted anywhere on the line.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Train an Attacker LM and a Defender LM against each other, jointly and online.

    Start with `advgame train demo`.
    """


app.command()(train.train)
app.command()(report.report)
app.command()(measure.measure)
app.command("eval")(eval.evaluate)
app.command()(compare.compare)
app.command()(study.study)
app.command()(view.view)
app.command()(play.play)
app.command()(export.export)
app.command()(serve.serve)
app.command()(presets.presets)
app.add_typer(judge.commands, name="judge")
app.add_typer(redteam.commands, name="redteam")
app.add_typer(config.commands, name="config")
app.add_typer(assets.commands, name="assets")
