"""A comparison on the terminal: what its words and its cuts say."""

from __future__ import annotations

import io
from typing import Any

import pytest
from fake_comparison import make_compared
from rich.console import Console

from advgame.compare.table import _cycling, tables, transcripts


def printed(*parts: Any) -> str:
    console = Console(file=io.StringIO(), width=80, highlight=False, markup=False)
    for part in parts:
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def asked(mode: str, kind: str, scenes: bool = False) -> str:
    """How one question is shown that two runs answered, the second with what is not wanted."""
    answers = {
        name: {"prompt": f"{name} asks {'so ' * 60}", "reply": f"{name} says {'this ' * 30}",
               "score": 1.0, "success": success}
        for name, success in (("joint", False), ("static", True))
    }  # fmt: skip
    row = {"id": "1", "mode": mode, "kind": kind, "seed": "Open the gate", "answers": answers}
    runs = {name: {"scenes": scenes} for name in answers}
    return printed(*transcripts({"transcripts": [row], "runs": runs}))


def test_how_a_question_was_asked_and_what_came_of_it() -> None:
    plain, attacked = asked("direct", "harmful"), asked("attacked", "harmful")
    assert plain.startswith("Harmful, asked plainly: Open the gate")
    assert attacked.startswith("Harmful, rewritten by each run's own Attacker: Open the gate")
    assert "joint asks" in attacked and "joint asks" not in plain
    for text in (plain, attacked):
        assert "…" in text and text.count("this") < 2 * 30  # cut, and said to be
        assert "held" in text and "gave in" in text
    benign = asked("direct", "benign")
    assert "answered" in benign and "refused" in benign and "…" not in benign
    assert benign.count("this") == 2 * 30
    scene = asked("direct", "benign", scenes=True)
    assert "done" in scene and "not done" in scene and "refused" not in scene
    assert all("Attacker" not in text for text in (plain, benign, scene))


@pytest.mark.parametrize(
    ("mean", "worst", "expected"),
    [
        ((0.12, -0.04, 0.28), 0.2, "Defender forgets 12 points on the mean (−4 to +28); at worst, "
         "from step 4 to 8, it forgets 20 points."),
        ((-1.0, -1.0, -0.8), -0.9, "Defender gains 100 points on the mean (+80 to +100); at worst, "
         "from step 4 to 8, it gains 90 points."),
        ((0.0, -0.1, 0.1), 0.003, "Defender forgets nothing on the mean (−10 to +10); at worst, "
         "from step 4 to 8, it forgets nothing."),
    ],
)  # fmt: skip
def test_forgetting_in_words(mean: tuple[float, float, float], worst: float, expected: str) -> None:
    none = {"mean": {"value": None}, "worst": None, "pairs": []}
    found = {
        "mean": dict(zip(("value", "low", "high"), mean, strict=True)),
        "worst": {"value": worst, "earlier": 4, "later": 8},
        "pairs": [{}, {}],
    }
    rounds = {"size": 0.834, "noise": 0.306, "seeds": 120}
    told = list(_cycling({"joint": {"defender": found, "attacker": none, "rounds": rounds}}))
    assert told == [
        f"joint: from an earlier to a later step the {expected}",
        "joint: advantages of 0.83 in log-odds go round in circles; noise alone gives up to 0.31 "
        "(on 120 seeds).",
    ]
    assert max(map(len, printed(*told).splitlines())) <= 80


def test_rates_have_one_notation() -> None:
    report = make_compared()
    for run in report["runs"].values():
        run["curves"] = {**{key: [0.1, 0.2] for key in _METRICS}, **run["curves"]}
        run["cost"] = {"trained_tokens": 1, **run["cost"]}
    del report["cross_play"]
    shown = printed(*tables({**report, "utility": [], "safety": [], "trade_offs": []}))
    assert "20% (12–28)" in shown and "0 (−10" in shown
    assert "[" not in shown
    assert max(map(len, shown.splitlines())) <= 80


_METRICS = (
    "attacker/harmful/reward", "defender/harmful/attacked/reward", "attacker/harmful/distinct_2",
    "attacker/harmful/self_overlap", "attacker/harmful/copy_overlap",
    "defender/harmful/direct/distinct_2", "defender/benign/direct/distinct_2",
)  # fmt: skip
