"""Studies whose differences have known components."""

from __future__ import annotations

import numpy as np


def simulate(
    rng: np.random.Generator,
    effect: float,
    runs: int,
    prompts: int,
    sd_run: float,
    sd_prompt: float,
    *,
    centred: bool = True,
) -> tuple[list[list[float]], list[list[float]]]:
    """Paired scores, `effect` apart: on these very prompts, or on prompts of the kind."""
    noise = rng.normal(0, 0.3, (runs, prompts))
    by_run = rng.normal(0, sd_run, (runs, 1))
    by_prompt = rng.normal(0, sd_prompt, (1, prompts))
    if centred:
        by_prompt -= by_prompt.mean()
    after = effect + by_run + by_prompt + noise
    return np.zeros((runs, prompts)).tolist(), after.tolist()
