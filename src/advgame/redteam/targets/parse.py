"""From what the user wrote to a target. Naming one contacts nobody and runs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from advgame.errors import ConfigError
from advgame.judges.named import split_endpoint
from advgame.paths import expanded
from advgame.redteam.targets.base import SDKS, Limits

if TYPE_CHECKING:
    from advgame.redteam.targets.base import Target

SCHEMES = (
    "openai:MODEL@BASE_URL",
    "inspect:PROVIDER/MODEL",
    "model:NAME|FOLDER|RUN",
    "http:FILE.yaml",
    "file:FILE.yaml",
    "python:MODULE:FUNCTION",
    "command:LINE",
)
AT_ONCE, COMMANDS_AT_ONCE = 8, 2
_IN_PROCESS = ("none", "advgame")  # providers of Inspect that contact nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A target before anything is opened.

    `authorized`: its own configuration says that it may be tested. `marked`: requests are ours to
    send, so they say who sends them. `keeps`: it is told a conversation's name and may keep it.
    """

    name: str
    where: str
    local: bool
    open: Callable[[], Target]
    authorized: bool = False
    multi_turn: bool = True
    marked: bool = False
    keeps: bool = False


class _How(NamedTuple):
    key_env: str | None
    timeout: float | None  # as the user said
    limits: Limits
    at_once: int | None  # as the user said


def parse_target(
    text: str,
    *,
    key_env: str | None = None,
    timeout: float | None = None,
    at_once: int | None = None,
) -> Named:
    """Read what `text` names.

    Args:
        text: one of `SCHEMES`.
        key_env: the variable that holds the key of an `openai:` target.
        timeout: seconds for one request.
        at_once: requests under way at once; None = what such a target usually takes.

    Raises:
        ConfigError: it is none of them, or incomplete.
        AdvGameError: there is no such model.
    """
    scheme, colon, rest = text.partition(":")
    limits = Limits() if timeout is None else Limits(seconds=timeout)
    if not colon or scheme not in _READERS or not rest:
        raise ConfigError(f"no target {text!r}; name one of {', '.join(SCHEMES)}")
    if key_env and scheme not in ("openai", "file"):
        raise ConfigError(f"{text}: --key-env is for openai: targets")
    how = _How(key_env, timeout, limits, at_once)
    return _READERS[scheme](text, rest, how)


def _openai(text: str, rest: str, how: _How) -> Named:
    from advgame.redteam.targets.http import openai_target

    model, url = split_endpoint(text)
    made = openai_target(
        text, model, url, key_env=how.key_env, limits=how.limits, at_once=how.at_once or AT_ONCE
    )
    return Named(name=text, where=made.where, local=made.local, marked=True, open=lambda: made)


def _http(text: str, rest: str, how: _How) -> Named:
    from advgame.redteam.targets.http import http_target

    if rest.startswith("//"):
        raise ConfigError(f"{text}: http: takes a YAML file that describes the target's API")
    made = http_target(text, expanded(rest), timeout=how.timeout, at_once=how.at_once)
    return Named(
        name=text,
        where=made.where,
        local=made.local,
        authorized=made.authorized,
        multi_turn=made.multi_turn,
        marked=True,
        keeps=made.keeps,
        open=lambda: made,
    )


def _file(text: str, rest: str, how: _How) -> Named:
    """Any target with what would else stand on the command line, which wins where it is said."""
    from advgame.redteam.targets.files import FileConfig, read_target

    config = read_target(expanded(rest), FileConfig)
    if config.target.startswith("file:"):
        raise ConfigError(f"{rest}: target: names a file again")
    named = parse_target(
        config.target,
        key_env=how.key_env or config.key_env,
        timeout=how.timeout or config.timeout,
        at_once=how.at_once,
    )
    return replace(named, authorized=named.authorized or config.authorized)


def _inspect(text: str, rest: str, how: _How) -> Named:
    provider, slash, model = rest.partition("/")
    if not slash or not provider or not model:
        raise ConfigError(f"{text}: write it as inspect:PROVIDER/MODEL")

    def open_() -> Target:
        from advgame.redteam.targets.model import inspect_target

        return inspect_target(text, rest, how.limits, how.at_once or AT_ONCE)

    return Named(
        name=text,
        where=f"{rest}, through Inspect's provider",
        local=provider in _IN_PROCESS,
        marked=provider in SDKS,
        open=open_,
    )


def _model(text: str, rest: str, how: _How) -> Named:
    from advgame.evals.target import target_of

    target = target_of(rest)
    if target.endpoint is not None:
        raise ConfigError(f"{text}: an endpoint is a target of its own: {rest}")
    run, step = (str(target.run), None) if target.run else (rest, None)
    if target.run is not None:
        step = target.step

    def open_() -> Target:
        from advgame.redteam.targets.model import model_target

        return model_target(text, run, step)

    return Named(name=text, where=f"{rest}, in this process", local=True, open=open_)


def _python(text: str, rest: str, how: _How) -> Named:
    from advgame.redteam.targets.local import python_target

    return Named(
        name=text,
        where=f"{rest}(messages), in this process",
        local=False,
        open=lambda: python_target(text, rest, how.limits, how.at_once or AT_ONCE),
    )


def _command(text: str, rest: str, how: _How) -> Named:
    from advgame.redteam.targets.local import command_target

    made = command_target(text, rest, how.limits, how.at_once or COMMANDS_AT_ONCE)
    return Named(name=text, where=made.where, local=False, keeps=True, open=lambda: made)


_READERS: dict[str, Callable[[str, str, _How], Named]] = {
    "openai": _openai,
    "inspect": _inspect,
    "model": _model,
    "http": _http,
    "file": _file,
    "python": _python,
    "command": _command,
}
