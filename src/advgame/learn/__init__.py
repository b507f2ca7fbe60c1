"""Training one player: packing, the reference, one optimiser step an update, checkpoints."""

from advgame.learn.learner import LocalLearner
from advgame.learn.totals import Reduce

__all__ = ["LocalLearner", "Reduce"]
