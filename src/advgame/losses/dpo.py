"""Direct preference optimisation (Rafailov et al., arXiv 2305.18290, eq. 7)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def dpo(gap_E: Tensor, beta: float) -> Tensor:
    """−log σ(β·gap), gap = [log π(y⁺) − log r(y⁺)] − [log π(y⁻) − log r(y⁻)]. Shapes [E] → [E]."""
    return -F.logsigmoid(beta * gap_E)
