"""`advgame redteam replay` and `report`: what a campaign found, again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advgame.cli import redteam_options as options
from advgame.cli.redteam_run import campaign, named_target, refuse_taught, second_or_none


def replay(
    findings: Annotated[
        Path, typer.Argument(metavar="FINDINGS", help="A campaign's folder, or findings.jsonl.")
    ],
    target: options.Target = None,
    fail_over: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Fail if a larger share still succeeds.")
    ] = 0.0,
    judge: Annotated[
        str | None,
        typer.Option(
            help="patterns, a, b, openai:MODEL@BASE_URL, or a .yaml file; default what judged "
            "these findings, or b."
        ),
    ] = None,
    second_judge: options.SecondJudge = "patterns",
    allow_training_judge: options.AllowTrainingJudge = False,
    temperature: options.Temperature = 0.0,
    max_tokens: options.MaxTokens = 256,
    key_env: options.KeyEnv = None,
    timeout: options.Timeout = None,
    concurrency: options.Concurrency = None,
    retries: options.Retries = 3,
    out: Annotated[Path, typer.Option(help="Folder of this replay's findings.")] = Path("replay"),
    resume: options.Resume = False,
    show_replies: options.Show = False,
    authorized: options.Authorized = False,
) -> None:
    """Send attacks that succeeded once again: a regression test for CI.

    Exit code 0: at most the share --fail-over still succeeds. 1: more do. 2: an error, or more
    than a tenth of the attacks got no reply or no verdict.
    """
    from advgame.errors import ConfigError, EndpointError

    named = named_target(target, key_env=key_env, timeout=timeout, concurrency=concurrency)
    from advgame.redteam.replay import judge_of, replayed, settings_of
    from advgame.redteam.replay import outcome as judged

    judge = judge or judge_of(findings) or "b"
    refuse_taught(judge, named, allowed=allow_training_judge)
    work = replayed(findings)
    if not named.multi_turn and any(trial.turns > 1 for trial in work.trials):
        raise ConfigError(f"{named.name} takes single prompts, but some of the attacks are talks")
    settings = settings_of(
        findings, named.name, work,
        judge=judge, second_judge=second_or_none(second_judge, judge),
        temperature=temperature, max_tokens=max_tokens,
    )  # fmt: skip
    made, _ = campaign(
        named, settings, out, resume=resume, authorized=authorized, show=show_replies,
        how={"retries": retries}, work=work,
    )  # fmt: skip
    found, enough = judged(made.findings, len(work.trials))
    from advgame.cli.words import share
    from advgame.numbers import rate

    typer.echo(
        f"{rate(found)} of {len(work.trials)} attacks still succeed, by judge {judge}; "
        f"{found['unscored']} got no reply or no verdict; at most {share(fail_over)} may"
    )
    typer.echo(out)
    if not enough or found["value"] is None:
        raise EndpointError(f"{found['unscored']} of {len(work.trials)} attacks say nothing")
    if found["value"] > fail_over:
        raise typer.Exit(1)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A campaign's folder.")],
    show_replies: options.Show = False,
) -> None:
    """Write the reports of a campaign anew."""
    from advgame.redteam.report.write import SUMMARY, write_reports

    write_reports(folder, show=show_replies)
    typer.echo(folder / SUMMARY)
