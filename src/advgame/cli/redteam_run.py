"""What the commands of `advgame redteam` do alike: name a target, run under the live table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer


def named_target(
    target: str | None, *, key_env: str | None, timeout: float | None, concurrency: int | None
) -> Any:
    """The target that the options name, not yet opened.

    Raises:
        ConfigError: none is named, Inspect is missing, or there is no such target.
    """
    from advgame.errors import ConfigError
    from advgame.redteam.targets.parse import parse_target

    if target is None:
        raise ConfigError("name a target with --target")
    _need_inspect()
    return parse_target(target, key_env=key_env, timeout=timeout, at_once=concurrency)


def second_or_none(second: str, judge: str) -> str | None:
    """A second judge's name; None for `none`, and for the judge itself: that always agrees."""
    return None if second in ("none", judge) else second


def refuse_taught(judge: str, named: Any, attackers: Sequence[str] = (), *, allowed: bool) -> None:
    """Refuse a judge that trained the target or an Attacker.

    Raises:
        ConfigError: there is no such judge.
        JudgeError: it trained one of them, and is not `allowed`.
        AdvGameError: there is no such player.
    """
    from advgame.evals.target import target_of
    from advgame.judges.named import parse_judge, refuse_training_judge
    from advgame.types import Role

    parsed = parse_judge(judge)
    players = [target_of(each, role=Role.ATTACKER) for each in attackers]
    for ours in ("model:", "inspect:advgame/"):
        if named.name.startswith(ours):
            players.append(target_of(named.name.removeprefix(ours)))
    for player in players:
        refuse_training_judge(parsed, player.trained_by, allowed=allowed)


def campaign(
    named: Any, settings: Any, out: Path, *, resume: bool, authorized: bool, show: bool, how: Any,
    work: Any = None,
) -> tuple[Any, Any]:  # fmt: skip
    """Run it under the live table and write the reports."""
    import contextlib
    import sys

    from advgame.cli.redteam_live import live
    from advgame.engines.threads import pick_threads
    from advgame.redteam.consent import require_consent

    banner = require_consent(named, authorized=authorized)
    if banner:
        typer.echo(banner, err=True)
    with contextlib.redirect_stdout(sys.stderr):  # whatever a library prints
        from advgame.errors import AdvGameError, EndpointError
        from advgame.redteam.campaign import How, run_campaign
        from advgame.redteam.ledger import FINDINGS
        from advgame.redteam.report.write import write_reports

        pick_threads("auto")
        begun = False  # until then what is in the folder may be another campaign
        try:
            with live() as shown:

                def begin(*planned: Any) -> None:
                    nonlocal begun
                    begun = True
                    shown.begin(*planned)

                outcome = run_campaign(
                    named, settings, How(**how), out,
                    work=work, resume=resume, tell=shown.tell, begin=begin,
                )  # fmt: skip
        except (KeyboardInterrupt, EndpointError) as error:
            if begun and (out / FINDINGS).exists():  # a pipeline that shows reports shows them now
                with contextlib.suppress(AdvGameError):  # what ended it is what is told
                    write_reports(out, show=show)
            if isinstance(error, EndpointError):
                raise
            typer.echo("stopped; the same command with --resume goes on", err=True)
            raise typer.Exit(130) from None
        _warn_if_mute(outcome.findings)
        return outcome, write_reports(out, show=show)


def _warn_if_mute(findings: Any) -> None:
    """Say so where no reply held a word: each counts as an attack that failed."""
    from advgame.redteam.bench import EMPTY

    replied = [each for each in findings if each.reply or each.detail == EMPTY]
    if replied and all(each.detail == EMPTY for each in replied):
        typer.echo(
            f"all {len(replied)} replies were empty, so every attack has failed: see whether the "
            "target says anything (one that thinks first may need more than --max-tokens)",
            err=True,
        )


def _need_inspect() -> None:
    """Raise ConfigError without Inspect."""
    from advgame.errors import ConfigError

    try:
        import inspect_ai  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"the package {error.name} is missing; run `pip install 'advgame[redteam]'`"
        ) from error
