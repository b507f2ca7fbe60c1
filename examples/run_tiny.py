"""Train both players from Python and read back what the run left.

    python examples/run_tiny.py [FOLDER]

`tiny` is the real code on a random model of a few thousand parameters: seconds, no download. Any
preset or YAML file works in its place.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from advgame.config import load
from advgame.events import Event, StepDone
from advgame.store.reader import open_readonly
from advgame.train import train


def show(event: Event) -> None:
    """An observer is told of everything that happens; this one looks at finished steps."""
    if isinstance(event, StepDone):
        trained = {who: event.metrics[f"{who}/examples"] for who in ("attacker", "defender")}
        print(f"step {event.step}: {len(event.episodes)} episodes, pairs trained on {trained}")


def main(folder: Path) -> None:
    config = load("tiny", ["train.steps=3", "train.threads=1", "train.validation.every=0"])
    summary = train(config, folder / "run", observer=show)
    print(f"{summary['steps']} steps sampled {summary['cost']['sampled_tokens']} tokens")

    run = open_readonly(folder / "run")
    for step in run.episode_steps():
        best = max(
            reply.reward.value or 0.0
            for episode in run.episodes(step)
            for branch in episode.branches
            for reply in branch.replies
        )
        print(f"step {step}: best reply earned {best:.1f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="advgame-")))
