"""`advgame measure`: what a run taught, attack by attack, on seeds it never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advgame.types import Weights

BENIGN = ("benign-edgy", "benign-everyday")


def measure(
    run: Annotated[str, typer.Argument(metavar="RUN[@STEP]", help="A run folder.")],
    seeds: Annotated[int, typer.Option(min=1, help="Test seeds of each set.")] = 200,
    weights: Annotated[
        Weights | None,
        typer.Option(help="Trained weights or their average; default those that play in the run."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the figures; default RUN/measure.json.")
    ] = None,
) -> None:
    """Measure every attack on the Defender as it began and as it is now, on test seeds.

    The judge is the run's evaluation judge. One attempt a seed. Where that judge taught these
    players, here or in a run they come from, the report says so (`judge_trained_this_run`).
    """
    import asyncio

    from rich.console import Console

    from advgame.store.reader import open_readonly
    from advgame.store.select import parse_source

    folder, step = parse_source(run)
    config = open_readonly(folder).config  # before the imports that take seconds
    from advgame.engines.threads import pick_threads
    from advgame.evals.measure import measure as run_measure
    from advgame.evals.subjects import held_out_seeds, load_subjects
    from advgame.evals.table import tables
    from advgame.judges.named import describe, refuse_training_judge
    from advgame.store.atomic import write_json
    from advgame.store.taught import taught_by

    judge = config.judges.measuring
    trained = refuse_training_judge(judge, taught_by(folder), allowed=True)
    console = Console(stderr=True)
    with console.status("loading the players") as status:
        pick_threads("auto")
        chosen = held_out_seeds(config, BENIGN, seeds)
        subjects = load_subjects(folder, step, chosen, weights)
        report = asyncio.run(
            run_measure(subjects, chosen, on_cell=lambda cell: status.update(cell))
        )
    target = out or folder / "measure.json"
    by = {"judge": describe(judge), "judge_trained_this_run": trained}
    write_json(target, {"weights": weights, **by, **report})
    out_console = Console(markup=False)  # a judge's name may look like markup
    for table in tables(report):
        out_console.print(table)
    note = " (it trained these players, so its rates may flatter)" if trained else ""
    out_console.print(f"judge: {by['judge']}{note}")
    typer.echo(target)
