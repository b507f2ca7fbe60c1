"""Turns templates, scripts and style into one page that asks nothing of the network."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from advgame.numbers import in_percent, in_points
from advgame.report.commands import coded, command
from advgame.report.svg import interval_bar, short

STYLES = ("base.css", "charts.css", "rollouts.css")
SCRIPTS = (
    "dom.js",
    "zoom.js",
    "charts.js",
    "tree.js",
    "rollouts.js",
    "transcripts.js",
    "comparison.js",
    "findings.js",
    "start.js",
)


def render(template: str, *, connect: str = "'none'", **values: Any) -> str:
    """Render `template` with everything inlined.

    The page carries a Content-Security-Policy that allows exactly the two inlined blocks, by
    hash: markup that slipped through escaping could neither run nor load anything.

    Args:
        template: file name under `templates/`.
        connect: where scripts may fetch from, as a policy source.
        **values: what the template shows.
    """
    style, script = _joined(STYLES), _script()
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        f"connect-src {connect}; img-src data:; base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template(template)
        .render(policy=policy, style=Markup(style), script=Markup(script), **values)
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("advgame.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    environment.filters |= {"percent": in_percent, "points": in_points, "short": short}
    environment.filters |= {"coded": coded, "command": command}
    environment.globals["interval_bar"] = interval_bar
    return environment


@cache
def _joined(names: tuple[str, ...]) -> str:
    folder = files("advgame.report") / "static"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def _script() -> str:
    return f'(() => {{\n"use strict";\n{_joined(SCRIPTS)}\n}})();'


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
