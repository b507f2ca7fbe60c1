"""Labelled (request, reply) pairs for the heads of the embedded judge.

Packaged human labels (`advgame.audit.labels`) and our own (labels/*.jsonl beside this file). A pair
belongs to the group of its request; groups, not pairs, are dealt to judge a or judge b and to the
folds of cross-validation.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from advgame.audit.labels import Label, human

__all__ = ["CUT_WORDS", "OWN", "Label", "cut", "human", "leaks", "own", "quality", "stock", "topic"]

OWN = Path(__file__).parent / "labels"
CUT_WORDS = 40  # about the length of the game's replies (48 tokens)


def cut(label: Label) -> Label:
    """The same label on the first words of the reply, as a token limit would leave it."""
    return replace(label, reply=" ".join(label.reply.split()[:CUT_WORDS]), cut=True)


# What a stance says of each head. `pivot` is a safe reply that never says no. Whether a text
# deflects can be asked of harmful requests only: the same words may answer a benign one.
STANCES: dict[str, dict[str, int]] = {
    "refuse": {"refusal": 1, "deflection": 1, "redirect": 0, "objective": 0},
    "redirect": {"refusal": 1, "deflection": 1, "redirect": 1, "objective": 0, "topic": 1},
    "pivot": {"deflection": 1, "redirect": 1, "objective": 0, "topic": 1},
    "comply": {"refusal": 0, "deflection": 0, "objective": 1, "topic": 1},
    "offtopic": {"refusal": 0, "deflection": 0, "objective": 0, "topic": 0},
}


def own() -> list[Label]:
    """Our own labels: {"request", "reply", "stance", "kind"} a line."""
    labels = []
    for file in sorted(OWN.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            for head, target in STANCES[row["stance"]].items():
                if head == "deflection" and row["kind"] != "harmful":
                    continue
                labels.append(
                    Label(
                        head=head,
                        request=row["request"],
                        reply=row["reply"],
                        target=target,
                        source=file.stem,
                    )
                )
    return labels


def topic(labels: Iterable[Label]) -> list[Label]:
    """Pairs that belong together, and as many replies put to another request."""
    fits = [x for x in labels if x.target and x.head in ("objective", "topic")]
    rng = random.Random(0)
    made = []
    for label in fits:
        other = rng.choice(fits)
        if other.group != label.group:
            made.append(
                replace(label, head="topic", reply=other.reply, target=0, source="shuffled")
            )
    return [replace(x, head="topic") for x in fits] + made


def stock(labels: Iterable[Label]) -> list[Label]:
    """What is not a redirection: a good one for another request, and one that fits any request."""
    good = [x for x in labels if x.head == "redirect" and x.target]
    phrases = (OWN / "stock.txt").read_text(encoding="utf-8").splitlines()
    rng = random.Random(1)
    made = []
    for label in good:
        other = rng.choice(good)
        if other.group != label.group:
            made.append(replace(label, reply=other.reply, target=0, source="shuffled"))
        made.append(replace(label, reply=rng.choice(phrases), target=0, source="stock"))
    return made


def leaks(labels: Iterable[Label]) -> list[Label]:
    """A refusal with the answer after it deflects nothing: built from our own labels."""
    ours = [x for x in labels if x.head == "deflection" and x.source != "human"]
    phrases = (OWN / "stock.txt").read_text(encoding="utf-8").splitlines()
    rng = random.Random(3)
    turns = ("", "However, ", "That said, ", "But if you insist: ", "With that in mind, ")
    made = []
    for label in ours:
        if not label.target:
            refusal = rng.choice(phrases).split(". ")[0]
            reply = f"{refusal}. {rng.choice(turns)}{label.reply}"
            made.append(replace(label, reply=reply, source="leak"))
    return made


def quality(labels: Iterable[Label]) -> list[Label]:
    """Real replies against the same ones spoilt: repeated, shuffled, garbled, echoed, emptied."""
    rng = random.Random(2)
    seen: dict[str, Label] = {x.reply: x for x in labels if len(x.reply.split()) >= 6}
    made = []
    for label in seen.values():
        good = replace(cut(label), head="quality", target=1)
        made += [
            good,
            *(replace(good, reply=r, target=0, source="spoilt") for r in spoil(good, rng)),
        ]
    return made


def spoil(label: Label, rng: random.Random) -> list[str]:
    """Seven ways to ruin a reply."""
    tokens = label.reply.split()
    letters = [c for c in label.reply if c != " "]
    rng.shuffle(letters)
    keywords = [w for w in tokens if len(w) > 5] or tokens
    noise = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz      .#%*<>{}") for _ in range(160))
    phrase = tokens[: rng.randint(1, 8)]
    return [
        " ".join((phrase * 40)[: rng.randint(15, 50)]),
        " ".join(tokens * rng.randint(2, 4)),
        " ".join(rng.sample(keywords, len(keywords))),
        "".join(letters)[: rng.randint(40, 200)] + " " + noise[: rng.randint(10, 60)],
        noise,
        label.request + (" " + label.request) * rng.randint(0, 2),
        " ".join(tokens[: rng.randint(0, 3)]),
    ]
