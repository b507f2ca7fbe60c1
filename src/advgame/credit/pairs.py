"""Preference pairs for DPO and IPO: the best of a group against its worst."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from advgame.config.players import PairsConfig
from advgame.credit.groups import Earned, groups
from advgame.types import Completion, Episode, Example, Finish, Kind, Pair, Role, Scored


def pairs(config: PairsConfig) -> Callable[[Sequence[Episode[Scored]], Role], list[Example]]:
    """Credit by pairs; with `top` 1, argmax against argmin of each group. Ties make no pair."""
    gaps = {Kind.HARMFUL: config.min_gap.harmful, Kind.BENIGN: config.min_gap.benign}

    def credit(episodes: Sequence[Episode[Scored]], role: Role) -> list[Example]:
        return [
            _pair(best, worst, cut=config.cut_truncated)
            for kind, group in groups(episodes, role)
            for best, worst in contrasts(group, config.top, gaps[kind])
            # Equal moves that met different replies: no contrast, and an NLL term would only
            # make the policy surer of what it said twice.
            if best.completion.token_ids != worst.completion.token_ids
        ]

    return credit


def contrasts(group: Sequence[Earned], top: int, min_gap: float) -> list[tuple[Earned, Earned]]:
    """Every one of the best `top` with every one of the worst `top`, wider than `min_gap`."""
    ranked = sorted(range(len(group)), key=lambda at: (-group[at].reward, at))
    found = {
        (best, worst): group[best].reward - group[worst].reward
        for best in ranked[:top]
        for worst in reversed(ranked[-top:])
    }
    return [
        (group[best], group[worst])
        for (best, worst), gap in found.items()
        if gap > 0 and gap > min_gap
    ]


def _pair(best: Earned, worst: Earned, *, cut: bool) -> Pair:
    chosen, rejected = best.completion, worst.completion
    if cut and rejected.finish is Finish.LENGTH:
        rejected = shorten(rejected, len(chosen.token_ids))
    return Pair(chosen=chosen, rejected=rejected, margin=best.reward - worst.reward)


def shorten(completion: Completion, tokens: int) -> Completion:
    """Cut to at most `tokens` tokens, so that length is not what is learned."""
    if len(completion.token_ids) <= tokens:
        return completion
    return replace(
        completion,
        token_ids=completion.token_ids[:tokens],
        logprobs=None if completion.logprobs is None else completion.logprobs[:tokens],
    )
