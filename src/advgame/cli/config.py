"""`advgame config`: look at configurations."""

from __future__ import annotations

from typing import Annotated

import typer

commands = typer.Typer(help="Print a resolved configuration, explain a key, print the schema.")


@commands.command()
def show(
    source: Annotated[
        str, typer.Argument(metavar="PRESET|FILE", help="A preset, a YAML file or a run folder.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Dotted overrides, as train.steps=50."),
    ] = None,
) -> None:
    """Print the complete configuration, every key with its value, as YAML."""
    from advgame.config import dump, load

    typer.echo(dump(load(source, overrides or ())), nl=False)


@commands.command()
def explain(
    key: Annotated[str, typer.Argument(help="A dotted key, as attacker.learn.objective.")],
) -> None:
    """Print the type, default and meaning of a key, or the keys of a section."""
    from advgame.config import explain as describe

    typer.echo(describe(key))


@commands.command()
def schema() -> None:
    """Print the JSON Schema of a configuration, for editors."""
    import json

    from advgame.config import schema as build

    typer.echo(json.dumps(build(), indent=2, ensure_ascii=False))
