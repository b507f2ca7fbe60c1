"""Rubric files: what a language model is told to judge by.

    frame-pairwise, frame-pointwise, frame-faithfulness      how to judge and how to answer
    defender-harmful, defender-benign,                       what to judge by, the same text in
    attacker-harmful, attacker-benign                        either scoring mode
    faithfulness-harmful, faithfulness-benign                when a rewrite still means its seed

A folder of one's own replaces any of them by name; the shipped text stands in for the others.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal, TypeAlias

from advgame.errors import JudgeError
from advgame.judges.prompting import placeholders
from advgame.paths import expanded
from advgame.types import Kind, Role

Mode: TypeAlias = Literal["pairwise", "pointwise", "faithfulness"]

_FRAMES: dict[Mode, frozenset[str]] = {
    "pairwise": frozenset({"criterion", "fence", "request", "reply_a", "reply_b"}),
    "pointwise": frozenset({"criterion", "fence", "request", "reply"}),
    "faithfulness": frozenset({"criterion", "fence", "seed", "prompt"}),
}
_NAMES = (
    *(f"frame-{mode}" for mode in _FRAMES),
    *(f"{about}-{kind}" for about in (*Role, "faithfulness") for kind in Kind),
)


@dataclass(frozen=True, slots=True)
class Rubrics:
    """All rubric texts, by file name without its ending."""

    texts: dict[str, str]

    def frame(self, mode: Mode) -> str:
        """Template of a judge prompt."""
        return self.texts[f"frame-{mode}"]

    def criterion(self, about: Role | Literal["faithfulness"], kind: Kind) -> str:
        """What to judge by, for a role's replies or for faithfulness."""
        return self.texts[f"{about}-{kind}"]


def load_rubrics(folder: str | None = None) -> Rubrics:
    """Read the shipped rubrics, with the files of `folder` in place of theirs.

    Raises:
        JudgeError: no such folder; a file in it has an unknown name, is empty or not UTF-8; or a
            frame lacks one of its placeholders.
    """
    shipped = files("advgame.judges") / "rubrics"
    texts = {name: (shipped / f"{name}.md").read_text(encoding="utf-8").strip() for name in _NAMES}
    if folder is not None:
        texts |= _own(expanded(folder))
    return Rubrics(texts)


def _own(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise JudgeError(f"rubrics: {folder} is not a folder: point it at your .md files")
    texts = {file.stem: _text(file) for file in sorted(folder.glob("*.md"))}
    if not texts:
        raise JudgeError(f"rubrics: {folder} holds no .md file; known names: {', '.join(_NAMES)}")
    for mode, wanted in _FRAMES.items():
        if (name := f"frame-{mode}") in texts and (lacking := wanted - placeholders(texts[name])):
            listed = ", ".join(f"{{{each}}}" for each in sorted(lacking))
            raise JudgeError(f"rubrics: {folder / name}.md lacks {listed}: put it in")
    return texts


def _text(file: Path) -> str:
    if file.stem not in _NAMES:
        near = difflib.get_close_matches(file.stem, _NAMES, n=1, cutoff=0.0)[0]
        raise JudgeError(f"rubrics: {file} has an unknown name; did you mean {near}.md?")
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise JudgeError(f"rubrics: {file} cannot be read: {error}") from None
    if not text:
        raise JudgeError(f"rubrics: {file} is empty: write it, or delete it to use the shipped one")
    return text
