"""Options that the commands of `advgame redteam` share."""

from __future__ import annotations

from typing import Annotated

import typer

Target = Annotated[
    str | None,
    typer.Option(
        help="openai:MODEL@BASE_URL, inspect:PROVIDER/MODEL, model:NAME|FOLDER|RUN, "
        "http:FILE.yaml, python:MODULE:FUNCTION or command:LINE; file:FILE.yaml holds any of them."
    ),
]
KeyEnv = Annotated[
    str | None, typer.Option(help="Variable that holds the key of an openai: target.")
]
Authorized = Annotated[
    bool,
    typer.Option(
        "--i-am-authorized", help="You may test this target; needed unless it is on this machine."
    ),
]
Judge = Annotated[str, typer.Option(help="patterns, a, b, openai:MODEL@BASE_URL, or a .yaml file.")]
SecondJudge = Annotated[str, typer.Option(help="Says whether it agrees; none for no second judge.")]
AllowTrainingJudge = Annotated[
    bool,
    typer.Option("--allow-training-judge", help="Admit a judge that trained one of the players."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what --out holds.")]
Temperature = Annotated[float, typer.Option(min=0.0, help="Of the target, where it can be told.")]
MaxTokens = Annotated[int, typer.Option(min=1, help="Of a reply.")]
Timeout = Annotated[
    float | None, typer.Option(min=0.1, help="Seconds for one request; default 60.")
]
Concurrency = Annotated[
    int | None,
    typer.Option(min=1, help="Requests under way at once; default 8, of a command: target 2."),
]
Retries = Annotated[int, typer.Option(min=0, help="Further tries after a failure that may pass.")]
Show = Annotated[
    bool, typer.Option("--show-replies", help="Do not withhold harmful replies in the reports.")
]
