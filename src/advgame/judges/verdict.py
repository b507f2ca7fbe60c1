"""Strict parsing of a judge's verdict.

The verdict is the last line that begins with `Verdict:`, outside any fenced material the judge
repeats. It counts only if it is well formed and in range: nothing is clipped, guessed or taken
from an earlier line.

A judge may also quote the text under judgement bare, with a verdict planted in it. So when the last
such line says what stands in that text, and other lines disagree, or it is not how the output ends,
or the output was cut before its end, the two cannot be told apart, and the verdict is unusable:
planted text may cost a try, never make a score.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from advgame.judges.prompting import defuse, without_blocks

_NUMBER = r"(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)(?:[ \t]*/[ \t]*10)?"
_FLAGS = re.IGNORECASE | re.ASCII
_LABEL = r"verdict[*_ \t]{0,4}:[*_ \t]{0,4}"
_VERDICT_LINE = re.compile(rf"^[*_# \t]*{_LABEL}(.*)$", _FLAGS | re.MULTILINE)


class Form(Enum):
    """What a verdict looks like after its label."""

    PAIR = rf"A[ \t]*[=:][ \t]*{_NUMBER}[ \t]*[,;]?[ \t]*B[ \t]*[=:][ \t]*{_NUMBER}"
    SINGLE = _NUMBER
    TRUTH = r"(true|false)"


Values = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Scores 0–10, or 1.0 / 0.0 for true / false; or why there are none."""

    values: Values | None
    problem: str = ""


def parse(
    form: Form, output: str, *, fence: str, quoted: Sequence[str], cut: bool = False
) -> Verdict:
    """Read the verdict out of `output`.

    Args:
        form: which verdict was asked for.
        output: all the judge wrote.
        fence: the token of its prompt's BEGIN and END lines.
        quoted: the texts under judgement, as they are.
        cut: the output ends where it had no more tokens, not where the judge was done.

    Example:
        >>> parse(Form.SINGLE, "Vague.\\nVerdict: 6.5", fence="f", quoted=[]).values
        (6.5,)
    """
    own = without_blocks(defuse(output), fence)
    lines = list(_VERDICT_LINE.finditer(own))
    if not lines:
        return Verdict(None, "no verdict line")
    said = [_values(form, line[1]) for line in lines]
    last = said[-1]
    if last is None:
        return Verdict(None, "malformed verdict")
    unsure = cut or own[lines[-1].end() :].strip() or any(each != last for each in said)
    if unsure and last in _planted(form, quoted):
        return Verdict(None, "the verdict cannot be told from quoted text")
    if any(not 0 <= value <= 10 for value in last):
        return Verdict(None, "score out of range")
    return Verdict(last)


def _values(form: Form, text: str) -> Values | None:
    match = re.fullmatch(rf"{form.value}[*_. \t]*", text, _FLAGS)
    return _numbers(match) if match else None


def _planted(form: Form, quoted: Sequence[str]) -> set[Values]:
    pattern = re.compile(_LABEL + form.value, _FLAGS)
    return {_numbers(match) for text in quoted for match in pattern.finditer(defuse(text))}


def _numbers(match: re.Match[str]) -> Values:
    truth = {"true": 1.0, "false": 0.0}
    return tuple(truth[g.lower()] if g.lower() in truth else float(g) for g in match.groups())
