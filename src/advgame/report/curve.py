"""What a run records step by step: its title, what its values can be, its curve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

from advgame.numbers import in_points
from advgame.report.plots import spanned
from advgame.report.smooth import ANY, SHARE

_FROM_0 = (0.0, inf)
_POSSIBLE = {
    **dict.fromkeys(
        (
            "win_rate", "parse_rate", "unscored", "contrast", "distinct_2", "self_overlap",
            "copy_overlap", "fault_truncated", "fault_unparseable", "fault_unfaithful",
            "guided_share", "reward_accuracy", "skipped_updates", "shared_tokens",
            "importance_capped", "importance_missing",
        ),
        SHARE,
    ),
    **dict.fromkeys(
        (
            "entropy", "nll", "grad_norm", "lr", "examples", "skipped", "length", "passes",
            "forwarded_tokens", "chosen_length", "rejected_length", "importance",
        ),
        _FROM_0,
    ),
    "score": (0.0, 10.0),
    "guided_score": (0.0, 10.0),
    "position_bias": (-10.0, 10.0),
}  # fmt: skip
_WORDS = {
    "attacker": {
        "reward": "Attacker: reward",
        "score": "Attacker: judged score",
        "win_rate": "Attacker: share of prompts that win",
        "contrast": "Contrast among a seed's prompts",
        "parse_rate": "Attacker: prompts that parse",
        "unscored": "Unscored, of the Attacker's prompts",
        "position_bias": "Position bias, Attacker's judge",
        "distinct_2": "Attacker: distinct-2",
        "self_overlap": "Attacker: overlap among a seed's prompts",
        "copy_overlap": "Attacker: overlap with the seed",
        "length": "Attacker: words in a prompt",
    },
    "defender": {
        "reward": "Defender: reward",
        "score": "Defender: judged score",
        "contrast": "Contrast among the Defender's replies",
        "fault_truncated": "Defender: truncated replies",
        "fault_unparseable": "Defender: unparseable replies",
        "unscored": "Unscored, of the Defender's replies",
        "position_bias": "Position bias, Defender's judge",
        "distinct_2": "Defender: distinct-2",
        "length": "Defender: words in a reply",
    },
}
_ASKED = {"direct": "asked plainly", "attacked": "under attack"}


def possible(metric: str) -> tuple[float, float]:
    """What the values of a metric can be."""
    return _POSSIBLE.get(metric.rpartition("/")[2], ANY)


def is_share(metric: str) -> bool:
    """Whether a metric is a share, told in percent."""
    return possible(metric) == SHARE


def title_of(player: str, name: str) -> str:
    """The title of what a player's moves are counted by, such as `win_rate`."""
    return _WORDS.get(player, {}).get(name) or name.replace("_", " ").capitalize()


def titled(metric: str) -> str:
    """The title of one curve of it.

    >>> titled("defender/harmful/direct/distinct_2")
    'Defender: distinct-2, harmful seeds, asked plainly'
    """
    *before, name = metric.split("/")
    player, kind, *mode = [*before, "", ""][: max(2, len(before))]
    told = [title_of(player, name), f"{kind} seeds" if kind else ""]
    return ", ".join(filter(None, [*told, *(_ASKED.get(each, each) for each in mode)]))


def curves(
    runs: Mapping[str, tuple[Sequence[float], Mapping[str, Sequence[float | None]]]],
) -> Iterator[dict[str, Any]]:
    """Yield the curves of `comparison.py` for each metric that a run has, over the tokens it spent.

    Args:
        runs: NAME → tokens, and METRIC → its values at these.
    """
    for metric in dict.fromkeys(name for _, found in runs.values() for name in found):
        low, high = possible(metric)
        yield {
            "title": titled(metric),
            "percent": is_share(metric),
            "within": [None if abs(end) == inf else end for end in (low, high)],
            "unit": "tokens",
            "smooth": True,
            "series": [
                {
                    "run": name,
                    "points": [
                        (x, y) for x, y in zip(tokens, found[metric], strict=True) if y is not None
                    ],
                }
                for name, (tokens, found) in runs.items()
                if metric in found
            ],
        }


def told_points(difference: Mapping[str, Any]) -> str:
    """A difference of shares in points with its interval, and nothing of how many it rests on."""
    return spanned({key: value for key, value in difference.items() if key != "n"}, in_points)
