"""What a step's rollouts say about the players. Computed from values, never inside a stage.

Every name is always present; None where nothing was there to count. `docs/metrics.md` says what
each means, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from advgame.success import SUCCESS
from advgame.text import distinct_grams, jaccard, near_copy, self_overlap, words
from advgame.types import Branch, Episode, Fault, Kind, Scored

Metrics: TypeAlias = dict[str, float | None]


def summarise(episodes: Sequence[Episode[Scored]], copy_above: float | None = None) -> Metrics:
    """Return the metrics of a step's episodes, flat, by name; shares and means, None if empty.

    A prompt whose word overlap with its seed exceeds `copy_above` is a near-copy: it never wins.
    """
    found: Metrics = {}
    for kind in Kind:
        attacked = [e for e in episodes if e.seed.kind is kind and not e.seed.direct]
        direct = [e for e in episodes if e.seed.kind is kind and e.seed.direct]
        found |= _under(f"attacker/{kind}", _attacks(attacked, copy_above))
        found |= _under(f"defender/{kind}/attacked", _replies(attacked))
        found |= _under(f"defender/{kind}/direct", _replies(direct))
    sampled = [
        reply.move.completion.guided
        for branch in _branches(episodes)
        for reply in branch.replies
        if reply.move.completion is not None
    ]
    return found | {"defender/guided_share": mean(sampled)}


def mean(values: Iterable[float]) -> float | None:
    """Return the arithmetic mean, None for no values."""
    held = list(values)
    return sum(held) / len(held) if held else None


def _attacks(episodes: Sequence[Episode[Scored]], copy_above: float | None) -> Metrics:
    attacks = [branch.attack for branch in _branches(episodes)]
    groups = [
        (
            frozenset(words(episode.seed.text)),
            [words(b.attack.move.text) for b in episode.branches if _readable(b.attack)],
        )
        for episode in episodes
    ]
    unreadable = sum(not _readable(attack) for attack in attacks)
    return {
        **_earned(attacks, "attack"),
        "win_rate": mean(won for won in _wins(episodes, copy_above) if won is not None),
        "parse_rate": 1 - unreadable / len(attacks) if attacks else None,
        "fault_unfaithful": mean(a.move.fault is Fault.UNFAITHFUL for a in attacks),
        "contrast": _contrast([b.attack for b in e.branches] for e in episodes),
        **_language([text for _, texts in groups for text in texts]),
        "self_overlap": mean(
            overlap for _, texts in groups if (overlap := self_overlap(texts)) is not None
        ),
        "copy_overlap": mean(
            jaccard(seed, frozenset(text)) for seed, texts in groups for text in texts
        ),
    }


def _replies(episodes: Sequence[Episode[Scored]]) -> Metrics:
    groups = [branch.replies for branch in _branches(episodes) if branch.replies]
    replies = [reply for group in groups for reply in group]
    return {
        **_earned(replies, "reply"),
        "guided_score": _guided_score(replies),
        "contrast": _contrast(groups),
        **_language([words(reply.move.text) for reply in replies if _readable(reply)]),
    }


def _earned(moves: Sequence[Scored], judgement: str) -> Metrics:
    judged = [move.judgements[judgement] for move in moves if judgement in move.judgements]
    scores = [word.value for word in judged if word.value is not None]
    bias = [word.details["position_bias"] for word in judged if "position_bias" in word.details]
    return {
        "reward": mean(m.reward.value for m in moves if m.reward.value is not None),
        "score": mean(scores),
        "position_bias": mean(bias),
        "unscored": mean(m.reward.value is None for m in moves),
        "fault_truncated": mean(m.move.fault is Fault.TRUNCATED for m in moves),
        "fault_unparseable": mean(m.move.fault is Fault.UNPARSEABLE for m in moves),
    }


def _guided_score(replies: Sequence[Scored]) -> float | None:
    """The judge's mean word on guided replies: low, and the guide is not followed any more."""
    words = [
        reply.judgements["reply"].value
        for reply in replies
        if reply.move.completion is not None
        and reply.move.completion.guided
        and "reply" in reply.judgements
    ]
    return mean(word for word in words if word is not None)


def _wins(episodes: Sequence[Episode[Scored]], copy_above: float | None) -> Iterator[bool | None]:
    """Whether each attack worked. A near-copy did not, whatever else it earned."""
    for episode in episodes:
        for branch in episode.branches:
            won = _won(branch.attack)
            copied = won and near_copy(branch.attack.move.text, episode.seed.text, copy_above)
            yield False if copied else won


def _won(attack: Scored) -> bool | None:
    """Whether an attack worked; a faulty one did not, an unscored one is not known.

    A reward of 0 or less is a win taken back.
    """
    if attack.move.fault is not None:
        return False
    word = attack.judgements.get("attack")
    if word is None or word.value is None or attack.reward.value is None:
        return None
    return word.value >= SUCCESS and attack.reward.value > 0


def _contrast(groups: Iterable[Sequence[Scored]]) -> float | None:
    """Share of groups that hold two different rewards: those a pair can be made of."""
    return mean(len({m.reward.value for m in group} - {None}) > 1 for group in groups)


def _language(texts: Sequence[Sequence[str]]) -> Metrics:
    return {
        "distinct_2": distinct_grams(texts, 2),
        "length": mean(map(len, texts)),
    }


def _readable(move: Scored) -> bool:
    return move.move.fault not in (Fault.TRUNCATED, Fault.UNPARSEABLE)


def _branches(episodes: Iterable[Episode[Scored]]) -> list[Branch[Scored]]:
    return [branch for episode in episodes for branch in episode.branches]


def _under(prefix: str, metrics: Metrics) -> Metrics:
    return {f"{prefix}/{name}": value for name, value in metrics.items()}
