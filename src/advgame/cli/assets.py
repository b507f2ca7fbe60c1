"""`advgame assets`: packaged models and data."""

from __future__ import annotations

from typing import Annotated

import typer

commands = typer.Typer(help="Models and data sets known by a packaged name.")


@commands.command("list")
def list_() -> None:
    """List what can be had by name: kind, download size, licence, and whether it is here."""
    from advgame.assets import table

    rows = table()
    width = max(len(row.name) for row in rows)
    for row in rows:
        here = "cached" if row.cached else "tests" if row.tests_only else ""
        size = f"{row.size / 1e6:,.1f} MB"
        typer.echo(f"{row.name:<{width}}  {row.kind:<8}  {size:>10}  {here:<6}  {row.licence}")


@commands.command()
def pull(
    name: Annotated[str, typer.Argument(help="A name that `advgame assets list` shows.")],
) -> None:
    """Get an asset into the cache, checked against its checksum, and print where it lies."""
    from advgame.assets import get, path

    asset = get(name)
    typer.echo(f"{name}: {asset.size / 1e6:,.1f} MB, licence {asset.licence}", err=True)
    typer.echo(path(name))
