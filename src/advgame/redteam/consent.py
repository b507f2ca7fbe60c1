"""Who may be tested: whoever is not on this machine needs the user's word for it."""

from __future__ import annotations

from advgame.errors import ConfigError
from advgame.redteam.targets.parse import Named

BANNER = (
    "You are about to send requests that are meant to make {where} misbehave. Go on only if it is "
    "yours, or if whoever it belongs to has agreed to this test. {marked} See "
    "docs/responsible-use.md."
)
_MARKED = {
    True: "Requests say who sends them (User-Agent).",
    False: "Requests are not ours to send, so they do not say who sends them.",
}


def require_consent(target: Named, *, authorized: bool) -> str | None:
    """Return what to tell the user before anything is sent; None for a local target.

    Raises:
        ConfigError: the target is not local and the user has not said that it may be tested.
    """
    if target.local:
        return None
    if not (authorized or target.authorized):
        raise ConfigError(
            f"{target.name} is not known to be on this machine: {target.where}. Say that you may "
            "test it with --i-am-authorized, or `authorized: true` in its http: or file: target"
        )
    return BANNER.format(where=target.where, marked=_MARKED[target.marked])
