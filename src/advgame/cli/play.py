"""`advgame play`: talk to a player, or watch a round."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from advgame.types import WeightName

if TYPE_CHECKING:
    from rich.console import Console

    from advgame.talk import Company
    from advgame.types import Episode, Scored


def play(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN[@STEP|@best]|PRESET", help="A run folder; a preset = untrained."
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Dotted overrides, as defender.system=Hi."),
    ] = None,
    role: Annotated[
        Literal["defender", "attacker"], typer.Option(help="Whom to talk to.")
    ] = "defender",
    kind: Annotated[
        Literal["harmful", "benign"],
        typer.Option(help="What the Attacker is told that your requests are."),
    ] = "harmful",
    weights: Annotated[
        WeightName | None,
        typer.Option(help="Trained, averaged or initial; default those that play in the run."),
    ] = None,
    step: Annotated[
        int | None, typer.Option(min=0, help="Which checkpoint; default the newest.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Play one round on held-out seeds with every judgement.")
    ] = False,
    draw: Annotated[int, typer.Option(min=0, help="Which seeds and random draws.")] = 0,
) -> None:
    """Talk to either player, a line at a time, or watch one round with all its judgements."""
    from rich.console import Console

    from advgame.config import load
    from advgame.errors import ConfigError
    from advgame.store.select import resolve_checkpoint, with_step

    run, which = with_step(source, step)
    is_run = (run / "config.yaml").is_file()
    if which is not None and not is_run:
        named = f"--step {step}: " if step is not None else ""
        raise ConfigError(f"{named}{run} is no run folder, so it has no checkpoint")
    # By its file: a run in ./demo is not the preset `demo`.
    config = load(run / "config.yaml" if is_run else source, overrides or ())
    checkpoint = resolve_checkpoint(run, which) if is_run else None
    console = Console(highlight=False)
    from advgame.talk import gather

    console.print("Loading …", style="dim")
    with gather(config, checkpoint, weights, judged=watch) as company:
        if watch:
            for episode in company.round(draw):
                _show(console, episode)
        else:
            _talk(console, company, role, kind, draw)


def _talk(console: Console, company: Company, role: str, kind: str, draw: int) -> None:
    from rich.text import Text

    from advgame.errors import RejectedError
    from advgame.hostile import clean
    from advgame.types import Kind, Role

    asked = sys.stdin.isatty()
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # what is no text is shown as that
    if asked:
        hint = "Each line is a new conversation. Leave with Ctrl-D."
        console.print(Text(hint, style="dim"))
    for number in range(draw, sys.maxsize):
        try:
            text = input("you> " if asked else "").strip()
        except EOFError:
            return
        if not text:
            continue
        try:
            move = company.say(Role(role), text, kind=Kind(kind), draw=number)
        except RejectedError as error:  # this line, not the conversation
            console.print(Text(clean(str(error)), style="dim"), soft_wrap=True)
            continue
        fault = f" [{move.fault}]" if move.fault else ""
        console.print(Text(f"{role}{fault}> {clean(move.text)}"), soft_wrap=True)


def _show(console: Console, episode: Episode[Scored]) -> None:
    from rich.text import Text
    from rich.tree import Tree

    def node(label: str, scored: Scored) -> Text:
        earned = scored.reward.value
        told = f"reward {earned:.1f}" if earned is not None else "no reward"
        because = f" ({scored.reward.because})" if scored.reward.because else ""
        return Text(f"{label}: {clip(scored.move.text, 200)}").append(f"  {told}{because}", "bold")

    def judgements(branch: Tree, scored: Scored) -> None:
        for name, word in scored.judgements.items():
            value = "unusable" if word.value is None else f"{word.value:.1f}"
            branch.add(Text(f"judged {name}: {value}  {clip(word.explanation, 120)}", style="dim"))

    from advgame.cli.said import clip

    tree = Tree(Text(f"{episode.seed.kind} seed: {clip(episode.seed.text, 200)}", style="bold"))
    for number, branch in enumerate(episode.branches, 1):
        attack = tree.add(node(f"attack {number}", branch.attack))
        judgements(attack, branch.attack)
        for place, reply in enumerate(branch.replies, 1):
            judgements(attack.add(node(f"reply {place}", reply)), reply)
    console.print(tree)
