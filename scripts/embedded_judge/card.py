"""Measure the heads on human labels and write docs/judge-card.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from advgame.judges.embedded.heads import Head
from advgame.judges.embedded.stance import Style

from .data import Label, cut
from .fit import Views, cross_validate, recipes

MEASURED = ("harm", "objective", "refusal", "topic")
RESAMPLES = 1000
TEXT = Path(__file__).with_name("card.md")  # the card's prose; the tables are filled in


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of the card: a metric with its 95% interval (groups resampled)."""

    head: str
    protocol: str
    n: int
    groups: int
    auc: tuple[float, float, float]
    balanced: tuple[float, float, float]


def measure(
    style: Style,
    labels: Sequence[Label],
    heads: Mapping[str, Head],
    examples: Callable[[list[Label], str], list[Label]],
    views: Views,
) -> list[Result]:
    """Cross-validate the recipe on all labels; test the shipped head on the other judge's half."""
    results = []
    for name in MEASURED:
        human = [x for x in labels if x.head == name and x.source == "human"]
        unseen = [x for x in human if x.half != style]
        short = [cut(x) for x in unseen]
        scores = {
            "cross-validation": cross_validate(recipes(style)[name], name, labels, examples, views),
            "shipped, unseen half": dict(zip(unseen, heads[name](views(unseen)), strict=True)),
            "the same, cut": dict(zip(short, heads[name](views(short)), strict=True)),
        }
        results += [_result(name, protocol, values) for protocol, values in scores.items()]
    return results


def _result(name: str, protocol: str, scores: Mapping[Label, float]) -> Result:
    groups = sorted({x.group for x in scores})
    rows = {g: [(x.target, float(p)) for x, p in scores.items() if x.group == g] for g in groups}
    rng = np.random.default_rng(0)
    drawn = [groups] + [list(rng.choice(groups, len(groups))) for _ in range(RESAMPLES)]
    values = []
    for chosen in drawn:
        target, probability = zip(*(row for g in chosen for row in rows[g]), strict=True)
        if len(set(target)) == 2:
            said = [p > 0.5 for p in probability]
            values.append(
                (roc_auc_score(target, probability), balanced_accuracy_score(target, said))
            )
    table = np.array(values)
    low, high = np.percentile(table[1:], [2.5, 97.5], axis=0)
    return Result(
        head=name,
        protocol=protocol,
        n=len(scores),
        groups=len(groups),
        auc=(table[0, 0], low[0], high[0]),
        balanced=(table[0, 1], low[1], high[1]),
    )


def render(labels: Sequence[Label], results: Mapping[str, Sequence[Result]]) -> str:
    """The card: its prose with the tables filled in."""
    text = TEXT.read_text(encoding="utf-8")
    return text.replace("{data}", _data(labels)).replace("{results}", _table(results))


def _data(labels: Sequence[Label]) -> str:
    counts = Counter((x.head, x.source, x.half, x.target) for x in labels)
    keys = sorted({(head, source) for head, source, _, _ in counts})
    lines = ["| head | source | a: yes / no | b: yes / no |", "|---|---|---|---|"]
    for head, source in keys:
        cells = [
            f"{counts[head, source, half, 1]} / {counts[head, source, half, 0]}" for half in "ab"
        ]
        lines.append(f"| {head} | {source} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _table(results: Mapping[str, Sequence[Result]]) -> str:
    lines = [
        "| judge | head | protocol | n (groups) | AUC | balanced accuracy |",
        "|---|---|---|---|---|---|",
    ]
    for judge, rows in results.items():
        for r in rows:
            lines.append(
                f"| {judge} | {r.head} | {r.protocol} | {r.n} ({r.groups}) "
                f"| {_interval(r.auc)} | {_interval(r.balanced)} |"
            )
    return "\n".join(lines)


def _interval(value: tuple[float, float, float]) -> str:
    return f"{value[0]:.2f} [{value[1]:.2f}, {value[2]:.2f}]"
