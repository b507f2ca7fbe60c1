"""`advgame eval`: safety and utility of a model, by Inspect and lm-evaluation-harness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from advgame.types import Role, Weights

if TYPE_CHECKING:
    from advgame.evals.target import Target


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|RUN",
            help="A run folder (RUN, RUN@STEP), an exported player, a model folder, a packaged "
            "asset, a hub name, or openai:MODEL@BASE_URL.",
        ),
    ],
    role: Annotated[
        Literal["defender", "attacker"], typer.Option(help="Which player of a run.")
    ] = "defender",
    step: Annotated[
        int | None, typer.Option(min=0, help="Checkpoint of a run; default the newest, 0 = start.")
    ] = None,
    every_checkpoint: Annotated[
        bool,
        typer.Option("--every-checkpoint", help="The start and each kept checkpoint of a run."),
    ] = False,
    weights: Annotated[
        Weights | None,
        typer.Option(help="Of a run: trained weights or their average; default those that play."),
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="quick (the default), safety, utility, full, or one task.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="A single task; may be given more than once.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Items a task; default the suite's own.")
    ] = None,
    judge: Annotated[
        str,
        typer.Option(
            help="patterns, a, b, openai:MODEL@BASE_URL, or a .yaml file with a judge's keys."
        ),
    ] = "b",
    allow_training_judge: Annotated[
        bool, typer.Option("--allow-training-judge", help="Admit a judge that trained the run.")
    ] = False,
    part: Annotated[
        Literal["test", "all"],
        typer.Option(help="Seeds that no run trains on, or all of each set."),
    ] = "test",
    attacker: Annotated[
        str | None,
        typer.Option(help="Whose attacks (RUN, MODEL or endpoint); default a run's own."),
    ] = None,
    attacks: Annotated[
        str | None,
        typer.Option(help="A fixed set of attacks instead: a .jsonl or .csv file."),
    ] = None,
    attempts: Annotated[
        int | None,
        typer.Option(min=1, help="Attacks a seed; default 1, or all of a fixed set."),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Of a reply; default the suite's own.")
    ] = None,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="0 is greedy, as utility always is.")
    ] = 0.0,
    key_env: Annotated[
        str | None, typer.Option(help="Variable that holds the key of the endpoint measured.")
    ] = None,
    attacker_key_env: Annotated[
        str | None, typer.Option(help="Variable that holds the key of an openai: Attacker.")
    ] = None,
    reference_key_env: Annotated[
        str | None, typer.Option(help="Variable that holds the key of an openai: reference.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Whose replies pairwise tasks compare with; default the set's own."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="REPORT", help="An earlier report: differences, paired by question."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Folder of reports and logs; default RUN/evals or evals.")
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Ask anew what was answered before.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Measure the safety and utility of a model on fixed tasks, with 95% intervals.

    Safety tasks are tasks of Inspect (`inspect eval advgame/TASK` runs them too), utility tasks
    those of lm-eval. A judge that trained the run is refused. What was answered is kept: stopped
    with Ctrl-C, the same command goes on.
    """
    import contextlib
    import json
    import logging
    import sys
    from pathlib import Path

    from advgame.cli.progress import bars
    from advgame.errors import ConfigError
    from advgame.evals.against import asked_otherwise, comparable, differences, read_report
    from advgame.evals.attacked import attacker_of
    from advgame.evals.catalog import TASKS, UtilityTask, get_suite, get_task
    from advgame.evals.files import report_path
    from advgame.evals.target import own_attacker, target_of
    from advgame.judges.named import parse_judge, refuse_taught

    if task and suite:
        raise ConfigError("give --suite or --task, not both")
    if attacker and attacks:
        raise ConfigError("give --attacker or --attacks, not both")
    for key, whose, who in (
        (key_env, model, "MODEL"),
        (attacker_key_env, attacker, "--attacker"),
        (reference_key_env, reference, "--reference"),
    ):
        if key and not (whose or "").startswith("openai:"):
            raise ConfigError(f"{key}: a key is for an endpoint, and {who} is not one")
    if suite is not None and suite in TASKS:
        task, suite = [suite], None
    before = read_report(Path(against)) if against else None
    chosen = get_suite(suite or "quick")
    tasks = [get_task(name) for name in dict.fromkeys(task or chosen.tasks)]
    targets = (
        _checkpoints(model, Role(role), step, weights)
        if every_checkpoint
        else [target_of(model, role=Role(role), step=step, weights=weights)]
    )
    target = targets[0]
    attacker = attacker or (None if attacks else own_attacker(target))
    if any(not isinstance(each, UtilityTask) for each in tasks):  # before slow imports
        by = attacker_of(tasks, attacker, attacks)
        refuse_taught(
            parse_judge(judge),
            target.trained_by,
            by.trained_by if by else None,
            allowed=allow_training_judge,
        )
    try:
        import inspect_ai  # noqa: F401
        import lm_eval  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"the package {error.name} is missing; run `pip install 'advgame[eval]'`"
        ) from error

    folder = Path(out) if out else (target.run / "evals" if target.run else Path("evals"))
    # It warns of how we hand it our weights, which is how it is meant.
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    with contextlib.redirect_stdout(sys.stderr):  # whatever a library prints
        from dataclasses import asdict

        from advgame.engines.threads import pick_threads
        from advgame.evals.settings import Settings
        from advgame.evals.suite import evaluate
        from advgame.store.atomic import write_json

        pick_threads("auto")
        settings = Settings(
            judge=judge,
            allow_training_judge=allow_training_judge,
            part=part,
            limit=limit or (None if task else chosen.limit),
            max_tokens=max_tokens or (256 if task else chosen.max_tokens),
            written_tokens=max_tokens,
            temperature=temperature,
            attempts=attempts,
            attacker=attacker,
            attacks=attacks,
            reference=reference,
            cached=not no_cache,
            key_env=key_env,
            attacker_key_env=attacker_key_env,
            reference_key_env=reference_key_env,
        )
        apart = {} if before is None else comparable(before, asdict(settings), tasks)
    found, told = [], dict(apart)
    for each in targets:
        with contextlib.redirect_stdout(sys.stderr), bars() as progress:
            try:
                report = evaluate(
                    each,
                    tasks,
                    settings,
                    folder / "logs",
                    skip_missing=not task,
                    progress=progress,
                )
            except KeyboardInterrupt:
                typer.echo("stopped; the same command goes on with what was answered", err=True)
                raise typer.Exit(130) from None
        if before is not None:
            left_out = asked_otherwise(before, report) | apart
            report["against"] = {
                "report": against,
                "differences": differences(before, report, left_out),
                "left_out": left_out,
            }
            told |= left_out
        path = report_path(folder, report, task or [suite or "quick"])
        write_json(path, report)
        found.append(report)
        for name, why in report["skipped"].items():
            typer.echo(f"skipped {name}: {why}", err=True)
        if not as_json:
            _show(report)
            typer.echo(path)
    for why in told.values():
        typer.echo(f"not compared: {why}", err=True)
    if as_json:
        typer.echo(json.dumps({"checkpoints": found} if every_checkpoint else found[0]))


def _checkpoints(run: str, role: Role, step: int | None, weights: Weights | None) -> list[Target]:
    """The player of a run as it began and at each kept checkpoint.

    Raises:
        ConfigError: it is not a run, or one of its checkpoints was named.
    """
    from pathlib import Path

    from advgame.errors import ConfigError
    from advgame.evals.target import target_of
    from advgame.store.reader import open_readonly

    if step is not None or not (Path(run) / "config.yaml").is_file():
        raise ConfigError("--every-checkpoint takes a run folder, and neither a step nor --step")
    steps = [0, *(each.step for each in open_readonly(Path(run)).checkpoints())]
    made = [target_of(run, role=role, step=each, weights=weights) for each in dict.fromkeys(steps)]
    if len(made) > 1 and made[-1].checkpoint is None:
        return made[:1]  # a player that does not learn
    return made


def _show(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    from advgame.cli.words import duration
    from advgame.numbers import change, rate

    first = Column("task", no_wrap=True)
    table = Table(first, "counts", "rate (95%)", "n", "unscored", "time")
    for name, row in report["tasks"].items():
        spent = duration(row["cost"]["seconds"])
        cells = (row["counts"], rate(row), str(row["n"]), str(row["unscored"]), spent)
        table.add_row(name, *cells)
        for k, at in list(row.get("at", {}).items())[:-1]:
            table.add_row("", f"within {k} of {row['attempts']}", rate(at), str(at["n"]))
        if even := row.get("length_controlled"):
            table.add_row("", "at equal length", rate(even), str(even["n"]))
    console = Console(markup=False)  # names may look like markup
    console.print(table)
    lacking: dict[str, list[str]] = {}
    for name, row in report["tasks"].items():
        lacking.setdefault(row.get("lacks", ""), []).append(name)
    for what, names in lacking.items():
        if what:
            console.print(f"{', '.join(names)} without {what}")
    for name, row in report.get("against", {}).get("differences", {}).items():
        console.print(f"{name}: {change(row)} points against {report['against']['report']}")
    whom = "this player" if report["judge"] in (report["trained_by"] or ()) else "the Attacker"
    note = f" (it trained {whom})" if report["judge_trained_this_run"] else ""
    if report.get("exported") and report["trained_by"] is None:
        note = " (the judges that trained this export are not known: export it anew to tell)"
    if report["judge"]:
        console.print(f"judge: {report['judge']}{note}")
    cost = report["cost"]
    if reference := cost["reference_reply_tokens"]:
        read = cost["reference_prompt_tokens"]
        console.print(f"the reference: {reference} tokens written, {read} read")
    console.print(
        f"{cost['reply_tokens']} tokens written, {cost['prompt_tokens']} read, "
        f"{duration(cost['seconds'])}; {cost['from_cache']} answers were kept from before"
    )
