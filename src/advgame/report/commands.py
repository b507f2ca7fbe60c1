"""Commands on a page: told as code, and broken at spaces alone."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_COMMAND = re.compile(r"\badvgame [a-z]+(?: [A-Z]+\b| --[a-z][a-z-]*)*")


def coded(words: str) -> Markup:
    """Return `words`, escaped, with each command of ours in them as code.

    >>> coded("By advgame eval RUN --every-checkpoint, <b>.")
    Markup('By <code>advgame eval RUN --every-checkpoint</code>, &lt;b&gt;.')
    """
    parts, end = [], 0
    for found in _COMMAND.finditer(words):
        parts += [escape(words[end : found.start()]), Markup("<code>{}</code>").format(found[0])]
        end = found.end()
    return Markup("").join([*parts, escape(words[end:])])


def command(line: str) -> Markup:
    """Return a command line as code in which no option is broken at a hyphen.

    >>> command("advgame train 'a b' --out c")
    Markup('<code>advgame train &#39;a b&#39; <span>--out</span> c</code>')
    """
    told = (
        Markup("<span>{}</span>").format(word) if word.startswith("-") else escape(word)
        for word in line.split(" ")
    )
    return Markup("<code>{}</code>").format(Markup(" ").join(told))
