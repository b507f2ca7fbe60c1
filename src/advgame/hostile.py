"""Model text is hostile: make it safe to show in a terminal or on a page.

`clean` is about *characters*. It neither knows HTML nor terminal markup: a page still escapes what
it is given (jinja2's autoescape, `textContent`), and rich still gets a `rich.text.Text`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ANSI = re.compile(
    r"""
      (?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]                             # CSI: colours, cursor, modes
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])                      # OSC, DCS, APC … and no other
      [^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)           # in it: a row is read once
    | \x1b[ -/]*[0-~]                                              # two-character escapes
    """,
    re.VERBOSE,
)
_SUSPECT = re.compile(r"[^\n\t -~]")
_HIDING_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Blank or invisible although Unicode calls them letters or marks.
_HIDING_CHARACTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)


def clean(text: str) -> str:
    r"""Return `text` with nothing in it that acts instead of being read.

    Terminal escape sequences are removed. Every other character that is invisible or changes how
    its neighbours look (control, bidi, zero-width, surrogate, private use, unassigned, variation
    selector) is spelled out: `␛` for a control character, `⟨U+202E⟩` for the rest. Line feeds and
    tabs stay, CR LF becomes LF. The result encodes to UTF-8, and `clean` leaves it as it is.

    >>> clean("a\x1b[31mred\x1b[0m \u202ekcab")
    'ared ⟨U+202E⟩kcab'
    """
    return _SUSPECT.sub(_shown, _ANSI.sub("", text.replace("\r\n", "\n")))


def one_line(text: str, most: int = 200) -> str:
    """The beginning of `text` as one clean line of at most `most` characters."""
    line = " ".join(clean(text[: 5 * most]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _shown(match: re.Match[str]) -> str:
    return _spell(match[0])


@lru_cache(maxsize=4096)
def _spell(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    hiding = unicodedata.category(character) in _HIDING_CATEGORIES
    if hiding or character in _HIDING_CHARACTERS:
        return f"⟨U+{code:04X}⟩"
    return character
