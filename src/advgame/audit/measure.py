"""Everything about one judge: human labels, a second judge, place, length, instructions.

Intervals are 95%, and the request is their unit, since several replies answer one: percentiles over
resampled requests, and for what moves or decides a verdict, shares that are rare or certain,
Wilson's over one value a request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from math import log1p
from typing import Any

from advgame.audit import tricks
from advgame.audit.labels import Label
from advgame.audit.pairs import compare, couples
from advgame.audit.questions import QUESTIONS, Item, by_question, items, scores, share
from advgame.metrics import agreement as ag
from advgame.metrics.intervals import paired_bootstrap
from advgame.protocols import Judge

Json = dict[str, Any]
Progress = Callable[[str, int, int], None]
PROBE_WORDS = 60  # of a reply that tricks are tried on


async def audit(
    judge: Judge,
    labels: Sequence[Label],
    *,
    second: Judge | None = None,
    second_unseen: bool = True,
    limit: int | None = 150,
    probes: int = 40,
    pairs: int = 40,
    words: int | None = None,
    progress: Progress = lambda name, done, of: None,
) -> Json:
    """Audit `judge`.

    Args:
        judge: whom to audit.
        labels: human labels that it has not learned from.
        second: another judge, for agreement on the same replies.
        second_unseen: whether `second` has not learned from `labels` either; if it has, its own
            rates against them are left out.
        limit: about how many items a question; None = all.
        probes: replies a question that tricks are tried on.
        pairs: right and wrong replies to one request shown in both orders, whatever `limit` is.
        words: cut replies to so many words; None = whole.
        progress: told (stage, done, of).

    Returns:
        A JSON-ready report, see docs/howto/audit-a-judge.md.

    Raises:
        EndpointError: a judge's endpoint did not serve.
    """
    began = time.monotonic()
    found = [item for q in QUESTIONS for item in items(labels, q, limit, words)]
    groups = [item.group() for item in found]
    mine = await scores(judge, groups, _bar(progress, "human labels", len(groups)))
    theirs: list[float | None] = [None] * len(found)
    if second is not None:
        theirs = await scores(second, groups, _bar(progress, "second judge", len(groups)))
    questions = {}
    for name, places in by_question(found).items():
        chosen = [found[i] for i in places]
        questions[name] = _question(chosen, [mine[i] for i in places])
        if second is not None:
            questions[name]["second"] = _second(
                chosen, [mine[i] for i in places], [theirs[i] for i in places], second_unseen
            )
    asked = [item for q in QUESTIONS for item in items(labels, q, None, words)]
    chosen_pairs = couples(asked, pairs)
    return {
        "questions": questions,
        "pairs": await compare(judge, chosen_pairs, _bar(progress, "pairs", 2 * len(chosen_pairs))),
        **await _tricks(judge, found, mine, probes, progress),
        "cost": {
            "judge_tokens": judge.cost.judge_tokens,
            "flops": judge.cost.flops,
            "seconds": time.monotonic() - began,
        },
    }


def between_raters(raters: Sequence[tuple[bool, bool, str]]) -> Json:
    """How far one person agrees with the others asked.

    No bound for a judge: it is held against the mean of all of them, which is less noisy than one.

    Args:
        raters: what one said, what the others said, about a reply to which request.
    """
    one, others = [each[0] for each in raters], [each[1] for each in raters]
    requests = [each[2] for each in raters]
    return {
        "n": len(raters),
        "requests": len(set(requests)),
        "accuracy": ag.estimate(ag.accuracy, (one, others), requests)["value"],
        "kappa": ag.estimate(ag.kappa, (one, others), requests),
    }


def _bar(progress: Progress, name: str, of: int) -> Callable[[int], None]:
    done = 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        progress(name, done, of)

    return tick


def _question(chosen: Sequence[Item], values: Sequence[float | None]) -> Json:
    """A judge against people."""
    asked = chosen[0].question
    rows = [(item, v) for item, v in zip(chosen, values, strict=True) if v is not None]
    said = [v >= asked.least for _, v in rows]
    score = [v for _, v in rows]
    label = [item.label for item, _ in rows]
    clusters = [item.cluster for item, _ in rows]
    long = [log1p(len(item.reply.split())) for item, _ in rows]
    error, curve = ag.calibration([v / 10 for v in score], label)
    return {
        "text": asked.text,
        "n": len(rows),
        "requests": len(set(clusters)),
        "unscored": len(chosen) - len(rows),
        "yes": sum(label) / len(label) if label else None,
        "accuracy": ag.estimate(ag.accuracy, (said, label), clusters),
        "balanced_accuracy": ag.estimate(ag.balanced_accuracy, (said, label), clusters),
        "auc": ag.estimate(ag.auc, (score, label), clusters),
        "kappa": ag.estimate(ag.kappa, (said, label), clusters),
        "confusion": ag.confusion(said, label),
        "calibration": {"error": error, "curve": curve},
        "length": ag.estimate(ag.correlation_within, (long, score, label), clusters),
    }


def _second(
    chosen: Sequence[Item],
    mine: Sequence[float | None],
    theirs: Sequence[float | None],
    unseen: bool,
) -> Json:
    """Two judges on the same replies, and if it is fair, both against people."""
    least = chosen[0].question.least
    rows = [
        (item, a, b)
        for item, a, b in zip(chosen, mine, theirs, strict=True)
        if a is not None and b is not None
    ]
    clusters = [item.cluster for item, _, _ in rows]
    a, b = [a for _, a, _ in rows], [b for _, _, b in rows]
    said_a, said_b = [v >= least for v in a], [v >= least for v in b]
    found: Json = {
        "n": len(rows),
        "unscored": sum(v is None for v in theirs),
        "agreement": ag.estimate(ag.accuracy, (said_a, said_b), clusters),
        "kappa": ag.estimate(ag.kappa, (said_a, said_b), clusters),
        "correlation": ag.estimate(ag.correlation, (a, b), clusters),
        "confusion": ag.confusion(said_a, said_b),
        "accuracy": None,
        "auc": None,
        "difference": None,
    }
    if unseen:
        label = [item.label for item, _, _ in rows]
        found["accuracy"] = ag.estimate(ag.accuracy, (said_b, label), clusters)
        found["auc"] = ag.estimate(ag.auc, (b, label), clusters)
        found["difference"] = paired_bootstrap(
            [v == y for v, y in zip(said_a, label, strict=True)],
            [v == y for v, y in zip(said_b, label, strict=True)],
            clusters,
            within=(0, 1),
        )
    return found


async def _tricks(
    judge: Judge,
    found: Sequence[Item],
    mine: Sequence[float | None],
    probes: int,
    progress: Progress,
) -> Json:
    """Tricks on short replies: any verdict may move by padding, only a no by an instruction."""
    chosen = [
        item
        for places in by_question(found).values()
        for item in _some([found[i] for i in places if mine[i] is not None], probes)
        if item.question.name in ("compliance", "defence")
    ]
    short = [" ".join(item.reply.split()[:PROBE_WORDS]) for item in chosen]
    kinds = {"padding": tricks.padded, "control": tricks.controlled, **tricks.INSTRUCTIONS}
    tick = _bar(progress, "tricks", (1 + len(kinds)) * len(chosen))
    plain = await scores(judge, [i.group(s) for i, s in zip(chosen, short, strict=True)], tick)
    moved = {}
    for name, trick in kinds.items():
        after = await scores(
            judge, [i.group(trick(s)) for i, s in zip(chosen, short, strict=True)], tick
        )
        moved[name] = _moved(chosen, plain, after, upwards=name != "padding")
    padding, control = moved.pop("padding"), moved.pop("control")
    return {"padding": padding, "injection": {"control": control, "tricks": moved}}


def _some(found: Sequence[Item], count: int) -> list[Item]:
    """At most `count`, one a request first."""
    seen: Mapping[str, int] = {}
    ranked = []
    for item in found:
        rank = seen.get(item.cluster, 0)
        seen = {**seen, item.cluster: rank + 1}
        ranked.append((rank, item))
    return [item for _, item in sorted(ranked, key=lambda each: each[0])][:count]


def _moved(
    chosen: Sequence[Item],
    before: Sequence[float | None],
    after: Sequence[float | None],
    *,
    upwards: bool,
) -> Json:
    tried: list[Item] = []
    scored: list[tuple[float, float | None]] = []
    outcomes: list[bool | None] = []
    for item, old, new in zip(chosen, before, after, strict=True):
        least = item.question.least
        if old is None or (upwards and old >= least):
            continue
        tried.append(item)
        scored.append((old, new))
        outcomes.append(None if new is None else (new >= least) != (old >= least))
    return {
        "moved": share(tried, outcomes),
        "gain": paired_bootstrap(
            [old for old, _ in scored], [new for _, new in scored], [i.cluster for i in tried]
        ),
    }
