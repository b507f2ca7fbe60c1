"""`advgame redteam`: attack any target that you may test, and keep what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from advgame.cli import redteam_again
from advgame.cli import redteam_options as options
from advgame.cli.redteam_run import campaign, named_target, refuse_taught, second_or_none

commands = typer.Typer(invoke_without_command=True, no_args_is_help=True)
commands.command()(redteam_again.replay)
commands.command()(redteam_again.report)


@commands.callback()
def redteam(
    context: typer.Context,
    target: options.Target = None,
    attacker: Annotated[
        list[str] | None,
        typer.Option(
            help="A run (RUN, RUN@STEP), a model, or openai:MODEL@BASE_URL; may be repeated, "
            "to compare Attackers."
        ),
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help="plain, best-of-k, templates, pyrit-jailbreaks, in-the-wild-jailbreaks (:N = a "
            "sample of N), transfer:FINDINGS; then +refine, +multi-turn. May be repeated; default "
            "plain and, with an Attacker, best-of-k."
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(help="A set by name, or a .jsonl or .csv file.")] = (
        "harmful-plain"
    ),
    kind: Annotated[
        Literal["harmful", "benign"],
        typer.Option(help="What the seeds are: benign ones are attacked until they are refused."),
    ] = "harmful",
    part: Annotated[
        Literal["test", "validation", "all"],
        typer.Option(help="Seeds that no run trains on, those to choose on, or all of the set."),
    ] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="Seeds at most.")] = None,
    attempts: Annotated[int, typer.Option(min=1, help="Requests for each seed and strategy.")] = 8,
    stop_on_success: Annotated[
        bool, typer.Option("--stop-on-success", help="Leave a seed alone once it is broken.")
    ] = False,
    budget: Annotated[
        list[str] | None,
        typer.Option(help="requests=500,tokens=2e6,money=1.50,time=30m: any of them."),
    ] = None,
    price: Annotated[
        str | None, typer.Option(help="PROMPT/REPLY: money for a million tokens of each.")
    ] = None,
    judge: options.Judge = "b",
    second_judge: options.SecondJudge = "patterns",
    allow_training_judge: options.AllowTrainingJudge = False,
    temperature: options.Temperature = 0.7,
    max_tokens: options.MaxTokens = 256,
    key_env: options.KeyEnv = None,
    attacker_key_env: Annotated[
        str | None, typer.Option(help="Variable that holds the key of an openai: Attacker.")
    ] = None,
    timeout: options.Timeout = None,
    concurrency: options.Concurrency = None,
    retries: options.Retries = 3,
    rate: Annotated[float | None, typer.Option(min=0.01, help="Requests a minute at most.")] = None,
    unchecked: Annotated[
        bool,
        typer.Option("--unchecked", help="Do not check that a plain model's prompts keep to it."),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="The campaign's folder.")] = None,
    resume: options.Resume = False,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="With --resume: try again what failed or is unscored."),
    ] = False,
    show_replies: options.Show = False,
    authorized: options.Authorized = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent where; contact nobody.")
    ] = False,
) -> None:
    """Attack a target that you may test, and write down what was found.

    Every strategy gets the same number of requests for each seed, so they can be compared. What was
    answered is on disk at once: after Ctrl-C or a crash `--resume` goes on and asks nothing again.

    Exit code 0 when the campaign ran, whatever it found; 2 on an error, or if nothing was answered.
    """
    if context.invoked_subcommand is not None:
        return
    from advgame.errors import ConfigError
    from advgame.redteam.budget import parse_budget
    from advgame.redteam.plan import Settings, arms_of, seeds_named
    from advgame.types import Kind

    named = named_target(target, key_env=key_env, timeout=timeout, concurrency=concurrency)
    if out is None and not dry_run:
        raise ConfigError("name the campaign's folder with --out")
    if retry_failed and not resume:
        raise ConfigError("--retry-failed goes with --resume")
    attackers = tuple(dict.fromkeys(attacker or ()))
    settings = Settings(
        target=named.name,
        attackers=attackers,
        strategies=tuple(strategy or (("plain", "best-of-k") if attackers else ("plain",))),
        seeds=seeds,
        kind=Kind(kind),
        part=part,
        limit=limit,
        attempts=attempts,
        stop_on_success=stop_on_success,
        judge=judge,
        second_judge=second_or_none(second_judge, judge),
        temperature=temperature,
        max_tokens=max_tokens,
        checked=not unchecked,
    )
    bounds = parse_budget(budget or (), price)
    arms = arms_of(settings)
    _check(settings, named, arms, allowed=allow_training_judge)
    if dry_run:
        from advgame.redteam.dryrun import describe

        chosen = seeds_named(settings)
        for line in describe(
            named, settings, bounds, arms, chosen, authorized=authorized, retries=retries
        ):
            typer.echo(line)
        return
    assert out is not None
    _run(
        named, settings, out, resume=resume, authorized=authorized, show=show_replies,
        how={
            "budget": bounds, "retries": retries, "per_minute": rate,
            "retry_failed": retry_failed, "attacker_key_env": attacker_key_env,
        },
    )  # fmt: skip


def _check(settings: Any, named: Any, arms: Any, *, allowed: bool) -> None:
    """Refuse what can be seen to go wrong, before anything is loaded.

    Raises:
        AdvGameError: names what.
    """
    from advgame.errors import ConfigError
    from advgame.judges.named import parse_judge

    for arm in arms:
        if arm.recipe.turns > 1 and not named.multi_turn:
            raise ConfigError(
                f"--strategy {arm.name}: {named.name} takes single prompts (its body has neither "
                "$messages nor $conversation)"
            )
    if settings.second_judge:
        parse_judge(settings.second_judge)
    refuse_taught(settings.judge, named, settings.attackers, allowed=allowed)


def _run(
    named: Any, settings: Any, out: Path, *, resume: bool, authorized: bool, show: bool, how: Any
) -> None:
    outcome, found = campaign(
        named, settings, out, resume=resume, authorized=authorized, show=show, how=how
    )
    _show(found, outcome, out)


def _show(found: Any, outcome: Any, out: Path) -> None:
    from rich.console import Console

    from advgame.cli.redteam_live import table
    from advgame.errors import AdvGameError, EndpointError, JudgeError
    from advgame.redteam.report.write import SUMMARY
    from advgame.redteam.values import State

    Console().print(table(found))
    if outcome.reached:
        typer.echo(
            f"the budget of {outcome.reached} is spent: {outcome.open} attempts were not made; "
            "--resume with a larger one goes on"
        )
    elif outcome.open:
        typer.echo(f"{outcome.open} attempts were not needed")
    typer.echo(out / SUMMARY)
    made = outcome.findings
    if made and all(each.state.target_failed for each in made):
        raise EndpointError(
            f"the target gave no reply to any of {len(made)} attempts; the last: {made[-1].state}: "
            f"{made[-1].detail}. --resume --retry-failed tries again"
        )
    judged = [each for each in made if each.verdict is not None]
    if judged and all(each.state is State.UNSCORED for each in judged):
        raise JudgeError(
            f"the judge could score none of {len(judged)} attempts; the last: {judged[-1].detail}. "
            "--resume --retry-failed judges them again, without asking the target"
        )
    if made and not any(each.requests for each in made):
        raise AdvGameError(
            f"nothing was sent: none of {len(made)} attempts came to a prompt; the last: "
            f"{made[-1].detail}"
        )
