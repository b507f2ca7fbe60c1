"""`advgame judge`: can a judge be believed?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer(help="Audit a judge: people, a second judge, tricks.")


@commands.callback()
def judge() -> None:
    """Audit a judge: people, a second judge, tricks."""


@commands.command()
def audit(
    judge: Annotated[
        str,
        typer.Option(
            help="a, b, patterns, openai:MODEL@BASE_URL, or a .yaml file with a judge's keys."
        ),
    ] = "a",
    against: Annotated[
        str | None, typer.Option(help="A second judge, named likewise, for agreement.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=10, help="About how many labelled replies a question.")
    ] = 150,
    probes: Annotated[
        int,
        typer.Option(min=0, help="Replies a question that each trick is tried on; 0 = no tricks."),
    ] = 40,
    pairs: Annotated[
        int, typer.Option(min=2, help="Right and wrong replies shown in both orders.")
    ] = 40,
    words: Annotated[
        int | None, typer.Option(min=1, help="Cut replies to so many words; default whole.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The page with plots; default judge-audit-NAME.html.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Measure a judge against human labels it has not learned from, and try to fool it.

    Accuracy, AUC, calibration, agreement, bias for place and length, and instructions hidden in
    replies, with 95% intervals. Prints tables and writes a page with plots.
    """
    import asyncio
    import json

    from advgame.audit.labels import human, raters
    from advgame.audit.open import open_judges
    from advgame.cli.progress import bars
    from advgame.engines.threads import pick_threads

    first, *rest = open_judges([judge, *([against] if against else [])])
    second = rest[0] if rest else None
    from advgame.audit.measure import audit as run_audit
    from advgame.audit.measure import between_raters

    pick_threads("auto")
    labels = human()
    with bars() as progress:
        report = asyncio.run(
            run_audit(
                first.judge,
                first.unseen(labels),
                second=second.judge if second else None,
                second_unseen=second is None or second.learned is None,
                limit=limit,
                probes=probes,
                pairs=pairs,
                words=words,
                progress=progress,
            )
        )
    report = {
        "judge": first.name,
        "learned_from": first.learned,
        "against": {"name": second.name, "learned_from": second.learned} if second else None,
        "words": words,
        "arguments": [
            *("--judge", judge),
            *(("--against", against) if against else ()),
            *("--limit", str(limit), "--probes", str(probes), "--pairs", str(pairs)),
            *(("--words", str(words)) if words else ()),
        ],
        "raters": between_raters(raters()),
        **report,
    }
    from advgame.report.audit import build_audit_page

    page = build_audit_page(report, out or Path(f"judge-audit-{_slug(first.name)}.html"))
    typer.echo(page, err=as_json)
    if as_json:
        typer.echo(json.dumps(report))
        return
    from rich.console import Console

    from advgame.audit.table import tables

    for table in tables(report):
        Console(width=min(Console().width, 80)).print(table)


@commands.command()
def follow(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, finished or not.")],
    judge: Annotated[
        str,
        typer.Option(
            help="b, patterns, openai:MODEL@BASE_URL, or a .yaml file with a judge's keys."
        ),
    ] = "b",
    every: Annotated[int, typer.Option(min=1, help="Steps between audits.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each kind an audit.")] = 6,
    window: Annotated[
        int, typer.Option(min=4, help="Audits that the alarm compares, half with half.")
    ] = 10,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Audit a run afterwards: score the replies it learned from once more, by another judge.

    Tells for each player how far the two judges agree, and rings where the training judge's score
    rose and the other's did not.
    """
    import asyncio
    import json

    from advgame.audit.follow import follow as run_follow
    from advgame.audit.open import open_judges
    from advgame.cli.progress import bars
    from advgame.config.judges import AuditConfig
    from advgame.judges.named import parse_judge, refuse_training_judge
    from advgame.store.reader import open_readonly
    from advgame.store.taught import taught_by

    reader = open_readonly(run)
    refuse_training_judge(parse_judge(judge), taught_by(run), allowed=False, admits=False)
    (second,) = open_judges([judge])
    with bars() as progress:
        config = AuditConfig(every=every, seeds=seeds, window=window)
        lines = asyncio.run(
            run_follow(reader, second.judge, config, every=every, progress=progress)
        )
    if as_json:
        typer.echo(json.dumps({"run": str(run), "judge": second.name, "lines": lines}))
        return
    from rich.console import Console

    from advgame.audit.table import follow_table

    Console(width=min(Console().width, 80)).print(follow_table(lines))


def _slug(name: str) -> str:
    import re

    return re.sub(r"[^\w.+-]+", "-", name)[:80]
