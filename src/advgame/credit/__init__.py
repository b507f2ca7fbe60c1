"""Credit: scored episodes → training examples for one role. Pure Python."""

from advgame.credit.build import build

__all__ = ["build"]
