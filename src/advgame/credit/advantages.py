"""Advantages for GRPO: reward − mean, never divided by the deviation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from advgame.config.players import AdvantagesConfig
from advgame.credit.groups import Earned, groups
from advgame.types import Credited, Episode, Example, Role, Scored


def advantages(
    config: AdvantagesConfig,
) -> Callable[[Sequence[Episode[Scored]], Role], list[Example]]:
    """Credit by advantage over the mean of the step, or of each group.

    Faults count in the mean with their −1. They are trained on too, unless
    `train_on_faults` is off (the published behaviour).
    """

    def credit(episodes: Sequence[Episode[Scored]], role: Role) -> list[Example]:
        found = [group for _, group in groups(episodes, role)]
        if config.baseline == "step":
            found = [[each for group in found for each in group]]
        return [example for group in found for example in _over_mean(group)]

    def _over_mean(group: Sequence[Earned]) -> list[Example]:
        if not group:
            return []
        baseline = fmean(each.reward for each in group)
        return [
            Credited(completion=each.completion, advantage=each.reward - baseline)
            for each in group
            if config.train_on_faults or each.fault is None
        ]

    return credit
