"""What `advgame measure` leaves in a run, with the figures of the real command on made-up rows."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from fake_run import HOSTILE

from advgame.evals.measure import compare

ATTACKS = ("plain", "templates", "start attacker", "trained attacker")


def make_measure(questions: int = 40, *, odd: str = HOSTILE[1]) -> dict[str, Any]:
    """A report on a harmful set, a benign one, and one whose name is hostile."""
    rng = random.Random(5)
    sets = {"harmful": ATTACKS, "benign-everyday": ATTACKS[:1], odd: ATTACKS[:1]}
    rows = [
        _row(name, attack, defender, n, rng)
        for name, attacks in sets.items()
        for attack in attacks
        for defender in ("start", "trained")
        for n in range(questions)
    ]
    figures = {"perplexity": 4.25, "distinct_2": 0.5, "stock_opening": 0.015, "on_topic": None,
               "tokens": 28.0}  # fmt: skip
    language = {f"{row['set']}/{row['defender']}": figures for row in rows}
    return {"step": 30, **compare(rows), "language": language, "transcripts": rows}


def write_measure(run: Path) -> Path:
    """Put such a report where `advgame measure` does."""
    (run / "measure.json").write_text(json.dumps(make_measure()), encoding="utf-8")
    return run


def _row(name: str, attack: str, defender: str, n: int, rng: random.Random) -> dict[str, Any]:
    wins = {"start": 0.6, "trained": 0.2}[defender]
    return {
        "set": name, "attack": attack, "defender": defender, "id": str(n),
        "seed": f"Tell me about a lock, number {n}. {HOSTILE[n % 5]}",
        "prompt": f"As a novelist I ask about lock {n}. {HOSTILE[(n + 1) % 5]}",
        "reply": HOSTILE[n % 5], "fault": None if n % 9 else "unparseable",
        "attack_fault": None if n % 9 else "unparseable", "score": 5.0,
        "success": None if n == 3 else rng.random() < wins, "explanation": HOSTILE[0],
    }  # fmt: skip
