"""`advgame compare`: several runs side by side, and their players against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")],
    cross_play: Annotated[
        bool,
        typer.Option("--cross-play", help="Every Attacker against every Defender checkpoint."),
    ] = False,
    exploit: Annotated[
        bool,
        typer.Option("--exploit", help="Train a fresh Attacker against each run's last Defender."),
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Test seeds for what is played.")] = 100,
    checkpoints: Annotated[
        int | None,
        typer.Option(min=1, help="Of each run at most so many trained checkpoints; default all."),
    ] = None,
    tokens: Annotated[
        int, typer.Option(min=1, help="Budget of --exploit: sampled plus trained tokens.")
    ] = 60_000,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="Write the report there, and its page, FILE.html, beside it."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Compare runs: safety against over-refusal over checkpoints, curves, costs, transcripts.

    This reads the run folders and takes a second. --cross-play and --exploit load the players and
    play; stopped, the same command goes on.
    """
    import json

    from rich.console import Console

    from advgame.compare.board import board, named
    from advgame.compare.table import tables, transcripts
    from advgame.errors import ConfigError

    if out is not None and out.suffix != ".json":
        raise ConfigError(f"--out {out}: name a .json file; the page is written beside it")
    report = board(runs)
    try:
        if cross_play:
            report["cross_play"] = _cross_play(named(runs), seeds, checkpoints)
        if exploit:
            report["exploitability"] = _exploit(named(runs), seeds, tokens)
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on", err=True)
        raise typer.Exit(130) from None
    page = None if out is None else _write(report, out)
    if as_json:
        typer.echo(json.dumps(report))
        return
    console = Console(highlight=False, markup=False)
    for part in tables(report):
        console.print(part)
    for table in transcripts(report):
        console.print(table)
    if page is not None:
        typer.echo(page)


def _write(report: Any, out: Path) -> Path:
    """Write the report, and its page beside it; return the page's path."""
    from advgame.report.compared import page_of
    from advgame.report.comparison import build_comparison
    from advgame.store.atomic import write_json

    write_json(out, report)
    return build_comparison(page_of(report), out.with_suffix(".html"))


def _cross_play(runs: dict[str, Path], seeds: int, most: int | None) -> Any:
    from advgame.compare.crossplay import cross_play
    from advgame.engines.threads import pick_threads

    pick_threads("auto")
    cache = next(iter(runs.values())) / f"cross-play-{seeds}.json"
    return cross_play(runs, seeds=seeds, most=most, cache=cache, say=_say)


def _exploit(runs: dict[str, Path], seeds: int, tokens: int) -> Any:
    from advgame.compare.exploit import best_response
    from advgame.events import Event, StepDone

    def watch(event: Event) -> None:
        if isinstance(event, StepDone):
            spent = event.metrics["cost/sampled_tokens"] + event.metrics["cost/trained_tokens"]
            _say(f"best response: step {event.step + 1}, {spent:,} of {tokens:,} tokens")

    return [
        best_response(path, tokens=tokens, seeds=seeds, observer=watch) for path in runs.values()
    ]


def _say(text: str) -> None:
    typer.echo(text, err=True)
