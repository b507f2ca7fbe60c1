"""`advgame presets`: what can be trained by name."""

from __future__ import annotations

import shutil
import textwrap

import typer


def presets() -> None:
    """List the presets that ship with advgame."""
    from advgame.config import preset_names, preset_summary

    names = preset_names()
    margin = max(map(len, names)) + 2
    columns = shutil.get_terminal_size().columns
    for name in names:
        line = f"{name:<{margin}}{preset_summary(name)}"
        typer.echo(textwrap.fill(line, columns, subsequent_indent=" " * margin))
