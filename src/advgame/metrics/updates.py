"""What a step's optimiser steps did, as metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from advgame.metrics.rollouts import mean
from advgame.types import UpdateStats


def fold(stats: Mapping[str, Sequence[UpdateStats | None]]) -> dict[str, float | None]:
    """Return `{learner}/{name}`, each the mean over the learner's optimiser steps of this step.

    Args:
        stats: By learner (attacker, defender or shared), one entry an update; None = the update
            found no example and was skipped.

    Returns:
        loss, grad_norm, lr and the objective's own metrics as means (None if all updates were
        skipped); `examples` and `skipped` as counts over the step.
    """
    found: dict[str, float | None] = {}
    for learner, updates in stats.items():
        done = [update for update in updates if update is not None]
        rows = [{"loss": u.loss, "grad_norm": u.grad_norm, "lr": u.lr, **u.metrics} for u in done]
        names = dict.fromkeys(["loss", "grad_norm", "lr", *(name for row in rows for name in row)])
        for name in names:
            found[f"{learner}/{name}"] = mean(row[name] for row in rows if name in row)
        found[f"{learner}/examples"] = sum(update.examples for update in done)
        found[f"{learner}/skipped"] = len(updates) - len(done)
    return found
