"""The embedded judge: no language model, no torch of its own. See docs/judge-card.md."""

from advgame.config.judges import EmbeddedJudgeConfig
from advgame.judges.embedded.heads import load
from advgame.judges.embedded.judge import EmbeddedJudge
from advgame.protocols import Embedder

__all__ = ["EmbeddedJudge", "build", "load"]


def build(config: EmbeddedJudgeConfig, embedder: Embedder) -> EmbeddedJudge:
    """Return the judge that `config.name` names.

    Raises:
        JudgeError: no such judge.
    """
    return EmbeddedJudge(embedder, load(config.name))
