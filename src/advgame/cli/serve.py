"""`advgame serve`: a player behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from typing import Annotated

import typer

from advgame.types import Weights


def serve(
    attacker: Annotated[
        str | None,
        typer.Option(metavar="RUN|MODEL", help="Serve this Attacker: a run, an export, a model."),
    ] = None,
    defender: Annotated[
        str | None, typer.Option(metavar="RUN|MODEL", help="Serve this Defender, alone or as well.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 = a free one.")] = 8000,
    step: Annotated[
        int | None, typer.Option(min=0, help="Checkpoint of a run; default the newest, 0 = start.")
    ] = None,
    weights: Annotated[
        Weights | None,
        typer.Option(help="Of a run: trained weights or their average; default those that play."),
    ] = None,
    key_env: Annotated[
        str, typer.Option(help="Variable with the key that clients send; must be set off loopback.")
    ] = "ADVGAME_API_KEY",
    queue: Annotated[
        int, typer.Option(min=1, help="Replies waiting or under way; beyond that 429.")
    ] = 64,
    max_body: Annotated[
        int, typer.Option(min=1, help="Bytes of a request; beyond that 413.")
    ] = 1_000_000,
    max_tokens: Annotated[
        int, typer.Option(min=1, help="Most tokens of a reply by the Defender.")
    ] = 1024,
) -> None:
    """Serve a trained player to tools that speak OpenAI's protocol; Ctrl-C ends it.

    On loopback only, unless --host says otherwise; then a key is required. The Attacker is asked in
    the format it learned, whatever chat the tool sends: see docs/howto/other-tools.md.
    """
    from advgame.errors import ConfigError

    if attacker is None and defender is None:
        raise ConfigError("name whom to serve: --attacker RUN, --defender RUN, or both")
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"the package {error.name} is missing; run `pip install 'advgame[serve]'`"
        ) from error
    from advgame.engines.threads import pick_threads
    from advgame.serve.app import Limits
    from advgame.serve.player import modes, open_player
    from advgame.serve.server import bind, key_for, run
    from advgame.types import Role

    key = key_for(host, key_env)
    listener = bind(host, port)  # before the models are loaded
    pick_threads("auto")
    named = ((Role.ATTACKER, attacker), (Role.DEFENDER, defender))
    players = tuple(
        open_player(source, role, step=step, weights=weights)
        for role, source in named
        if source is not None
    )

    def ready() -> None:
        shown = f"[{host}]" if ":" in host else host
        typer.echo(f"Serving on http://{shown}:{listener.getsockname()[1]}/v1 (Ctrl-C ends)")
        for name, mode in modes(players).items():
            typer.echo(f"  {name:<18} {mode.describe()}")
        typer.echo(f"Key: the value of {key_env}." if key else "No key: this machine only.")
        if attacker is not None:
            typer.echo("Use the Attacker on models that are yours or that you may test.")

    limits = Limits(queue=queue, body_bytes=max_body, reply_tokens=max_tokens)
    run(players, listener, limits, key, ready)
    typer.echo("stopped")
