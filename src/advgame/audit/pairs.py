"""Two replies to one request, one that people called right and one they did not, in both orders.

A judge that compares replies may favour a place. With s(y; o) the score of y in order o,

    bias  = mean over pairs of ½ [(first − second) in one order + (first − second) in the other]
    flips = share of pairs in which the order decides who scores higher

A judge that asks in both orders itself says what it gave in either place (`shown_first`,
`shown_second`); any other is shown the group in both orders. A judge that scores each reply alone
has no place to favour: 0.

What asking once in place of twice costs: `one_order` is how often the right reply is ahead in one
order, the mean of both; `accuracy` how often it is ahead over both together.

All are means over requests: several pairs of one request are no independent evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from advgame.audit.questions import BATCH, Item, per_request, share
from advgame.metrics.intervals import Difference, paired_bootstrap
from advgame.protocols import Judge, JudgeGroup
from advgame.types import Judgement

Couple = tuple[Item, Item]  # (people said yes, people said no)


def couples(found: Sequence[Item], count: int) -> list[Couple]:
    """Return at most `count` couples, at most one a request and question."""
    yes: dict[tuple[str, str], Item] = {}
    no: dict[tuple[str, str], Item] = {}
    for item in found:
        side = yes if item.label else no
        side.setdefault((item.question.name, item.cluster), item)
    chosen = [(yes[key], no[key]) for key in yes if key in no]
    per_question: dict[str, list[Couple]] = {}
    for couple in chosen:
        per_question.setdefault(couple[0].question.name, []).append(couple)
    ranked = [(rank, couple) for row in per_question.values() for rank, couple in enumerate(row)]
    return [couple for _, couple in sorted(ranked, key=lambda each: each[0])][:count]


async def compare(
    judge: Judge, chosen: Sequence[Couple], tick: Callable[[int], None]
) -> dict[str, Any]:
    """Show every couple in both orders. `n` counts couples, that of each figure requests."""
    forth = await _judge(judge, [a.group(a.reply, b.reply) for a, b in chosen], tick)
    if any("shown_first" in word.details for group in forth for word in group):
        back = [group[::-1] for group in forth]
        tick(len(chosen))
    else:
        back = await _judge(judge, [a.group(b.reply, a.reply) for a, b in chosen], tick)
    read = [_read(*each) for each in zip(forth, back, strict=True)]
    asked = [right for right, _ in chosen]
    first = [sum(side[0] for side in each) / 2 if each else None for each in read]
    second = [sum(side[1] for side in each) / 2 if each else None for each in read]
    preferred = [_preferred(each) for each in read]
    both = [None if p is None else p > 0 for p in preferred]
    once = [_in_one_order(each) if each else None for each in read]
    return {
        "n": len(chosen),
        "requests": len({each.cluster for each in asked}),
        "accuracy": share(asked, both),
        "one_order": share(asked, once, trials=2),
        "both_orders_gain": _change(asked, once, both, within=(0, 1)),
        "ties": sum(p == 0 for p in preferred if p is not None),
        "position_bias": _change(asked, second, first),
        "flips": share(asked, [None if e is None else _decides(e) for e in read]),
    }


def _change(
    asked: Sequence[Item],
    before: Sequence[float | None],
    after: Sequence[float | None],
    within: tuple[float, float] | None = None,
) -> Difference:
    old, new = (per_request(asked, values) for values in (before, after))
    return paired_bootstrap(old, new, within=within)


async def _judge(
    judge: Judge, groups: Sequence[JudgeGroup], tick: Callable[[int], None]
) -> list[tuple[Judgement, ...]]:
    found: list[tuple[Judgement, ...]] = []
    for start in range(0, len(groups), BATCH):
        batch = groups[start : start + BATCH]
        found += await judge.judge(batch)
        tick(len(batch))
    return found


Sides = tuple[tuple[float, float], tuple[float, float]]
"""(first, second) scores, in the order right-wrong, then in the order wrong-right."""


def _read(forth: tuple[Judgement, ...], back: tuple[Judgement, ...]) -> Sides | None:
    values = [word.value for word in (*forth, *back)]
    if any(value is None for value in values):
        return None
    right, wrong = forth
    if "shown_first" in right.details:
        return (
            (right.details["shown_first"], wrong.details["shown_second"]),
            (wrong.details["shown_first"], right.details["shown_second"]),
        )
    a, b, c, d = (value or 0.0 for value in values)
    return (a, b), (c, d)


def _preferred(sides: Sides | None) -> float | None:
    """By how much the right reply is ahead, over both orders."""
    if sides is None:
        return None
    (right, wrong), (wrong_first, right_second) = sides
    return (right + right_second - wrong - wrong_first) / 2


def _in_one_order(sides: Sides) -> float:
    """In which share of the two orders the right reply is ahead."""
    (right, wrong), (wrong_first, right_second) = sides
    return ((right > wrong) + (right_second > wrong_first)) / 2


def _decides(sides: Sides) -> bool:
    """Whether the order decides who scores higher."""
    (right, wrong), (wrong_first, right_second) = sides
    return (right - wrong) * (right_second - wrong_first) < 0
