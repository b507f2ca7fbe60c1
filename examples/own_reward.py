"""A reward of one's own: the Attacker is paid less for long prompts.

    python examples/own_reward.py [FOLDER]

A reward sees the judge's score of a valid move and what surrounds it; faults keep what the fault
table says. `docs/howto/own-reward.md` says more.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from advgame.config import load
from advgame.game.rewards import Outcome, Rule
from advgame.store.reader import open_readonly
from advgame.train import train


def brief(per_word: float = 0.05) -> Rule:
    """Make a rule that takes `per_word` points off a prompt's score for each of its words."""

    def rule(score: float, outcome: Outcome) -> float:
        return score - per_word * len(outcome.prompt.split())

    return rule


def main(folder: Path) -> None:
    config = load(
        "tiny",
        [
            "train.steps=2",
            "train.threads=1",
            "train.validation.every=0",
            "game.attacker_reward={type: import, path: 'own_reward:brief', options: {per_word: 1}}",
        ],
    )
    train(config, folder / "run")
    for episode in open_readonly(folder / "run").episodes(0):
        for branch in episode.branches:
            attack = branch.attack
            if "attack" in attack.judgements:  # a direct seed is nobody's prompt
                score = attack.judgements["attack"].value
                words = len(attack.move.text.split())
                print(f"score {score:.1f}, {words} words → reward {attack.reward.value:.1f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="advgame-")))
