"""A judge of one's own: prefers replies of about a given length.

    python examples/own_judge.py [FOLDER]

`docs/howto/own-judge.md` says what the game expects of a judge.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from advgame.config import load
from advgame.protocols import JudgeGroup
from advgame.store.reader import open_readonly
from advgame.train import train
from advgame.types import Cost, Judgement, Role


class LengthJudge:
    """Scores 0–10 by distance from `best` characters; the Attacker is paid for the opposite."""

    cost = Cost()  # it calls no model

    def __init__(self, best: int = 40) -> None:
        self.best = best

    async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
        return [tuple(self._score(group.role, text) for text in group.replies) for group in groups]

    def _score(self, role: Role, reply: str) -> Judgement:
        if not reply.strip():
            return Judgement(value=None, explanation="nothing to score")  # unscored, not a 0
        length = len(reply)
        near = 10 * min(length, self.best) / max(length, self.best)
        value = near if role is Role.DEFENDER else 10 - near
        return Judgement(value=value, explanation=f"{length} characters")


def main(folder: Path) -> None:
    config = load(
        "tiny",
        [
            "train.steps=2",
            "train.threads=1",
            "train.validation.every=0",
            "judges.defender={type: import, path: 'own_judge:LengthJudge', options: {best: 12}}",
        ],
    )
    train(config, folder / "run")
    for episode in open_readonly(folder / "run").episodes(0):
        for branch in episode.branches:
            for reply in branch.replies:
                word = reply.judgements["reply"]
                print(f"{episode.seed.kind}: {word.explanation} → reward {reply.reward.value:.1f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="advgame-")))
