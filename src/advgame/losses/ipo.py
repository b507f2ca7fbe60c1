"""Identity preference optimisation (Azar et al., arXiv 2310.12036, eq. 17)."""

from __future__ import annotations

from torch import Tensor


def ipo(gap_E: Tensor, beta: float) -> Tensor:
    """(gap − 1/(2β))²: a regression of the log-ratio gap on a fixed target. Shapes [E] → [E]."""
    return (gap_E - 1 / (2 * beta)).square()
