"""What `advgame eval` left in a run, on the run's page."""

from __future__ import annotations

import json
import re
from pathlib import Path

from advgame.report.evaluated import _rows
from advgame.report.fixed_tasks import task_group


def test_fixed_tasks_are_read_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "evals"
    folder.mkdir()
    task = {"counts": "attack_success", "value": 0.5, "low": 0.4, "high": 0.6, "n": 32}
    tasks = {"harmbench": task, "openbookqa": {**task, "counts": "accuracy"}}
    report = {"role": "defender", "step": 40, "weights": "ema", "tasks": tasks}
    (folder / "quick.json").write_text(json.dumps(report))
    (folder / "attacker.json").write_text(json.dumps({**report, "role": "attacker"}))
    (folder / "broken.json").write_text("{")
    (folder / "list.json").write_text("[1]")
    (folder / "strange.json").write_text(json.dumps({**report, "tasks": {"x": {"counts": 1}}}))
    group = task_group(tmp_path)
    assert [chart.title for chart in group.charts] == ["Attack success", "Accuracy"]
    assert ">harmbench, step 40</text>" in str(group.charts[0].svg)
    assert task_group(tmp_path / "none").charts == ()


def test_rates_of_one_task_that_were_measured_otherwise_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    task = {"counts": "attack_success", "value": 0.5, "low": 0.4, "high": 0.6, "n": 32}
    for number, (weights, attempts, judge, tokens) in enumerate(
        [("policy", 1, "b", 64), ("ema", 1, "b", 64), ("ema", 4, "patterns", 256)]
    ):
        report = {
            "role": "defender", "step": 40, "weights": weights, "judge": judge,
            "settings": {"max_tokens": tokens, "temperature": 0.0},
            "tasks": {"harmbench": {**task, "attempts": attempts},
                      "alpacaeval": {**task, "counts": "win_rate"}},
        }  # fmt: skip
        (tmp_path / f"evals/{number}.json").write_text(json.dumps(report))
    attacks, wins = task_group(tmp_path).charts
    assert {bar.label for bar in attacks.bars} == {"harmbench, step 40"}  # type: ignore[attr-defined]
    assert sorted(bar.detail for bar in attacks.bars) == [  # type: ignore[attr-defined]
        "weights ema, judge b, 1 attempt, 64 tokens, n 32",
        "weights ema, judge patterns, 4 attempts, 256 tokens, n 32",
        "weights policy, judge b, 1 attempt, 64 tokens, n 32",
    ]
    assert wins.title == "Wins against the reference"


def test_a_rate_says_its_judge_its_attacks_and_what_was_not_asked(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    task = {"counts": "attack_success", "value": 0.5, "low": 0.4, "high": 0.6, "n": 32,
            "attempts": 2, "lacks": "half of its questions", "unscored": 3}  # fmt: skip
    where = "/a/long/path/of/runs/joint-20"
    for number, (taught, by) in enumerate([(True, f"{where}@32"), (False, "/b/sequential-20@48")]):
        attacked = {**task, "asked": f"{number}" * 9, "attacks": {"by": by}}
        report = {
            "role": "defender", "step": 32, "weights": "policy", "judge": "embedded a",
            "model": where, "judge_trained_this_run": taught, "settings": {"max_tokens": 16},
            "trained_by": ["embedded a"] if taught else [],
            "tasks": {"harmbench-attacked": attacked},
        }  # fmt: skip
        (tmp_path / f"evals/{number}.json").write_text(json.dumps(report))
    group = task_group(tmp_path)
    (chart,) = group.charts
    own = (
        "judge embedded a, which trained the Defender, attacks by its own Attacker at step 32, "
        "prompts 000000"
    )
    other = "judge embedded a, attacks by sequential-20@48, prompts 111111"
    assert {bar.detail: bar.style for bar in chart.bars} == {  # type: ignore[attr-defined]
        f"{own}, n 32, 3 unscored": "c-defender dashed",
        f"{other}, n 32, 3 unscored": "c-defender",
    }
    assert chart.note == "harmbench-attacked: without half of its questions."
    assert "may flatter" in group.intro
    by_its_judge = {"judge": "embedded a", "trained_by": ["embedded c"], "step": 1,
                    "judge_trained_this_run": True}  # fmt: skip
    for name, row, whom in (
        ("harmbench-attacked", {**task, "attacks": {"by": "x@1"}}, "the Attacker"),
        ("harmbench", task, ""),
        ("prompt-injection", {**task, "attacks": {"by": "x@1"}}, ""),
    ):
        (found,) = _rows({**by_its_judge, "tasks": {name: row}})
        assert (found.taught, found.judge is None) == (whom, name == "prompt-injection")
    lines = re.findall(r'<text class="(?:label|tick)" x="2"[^>]*>([^<]*)<', str(chart.svg))
    for words in ("harmbench-attacked, step 32", *own.split(", ")[:2], "sequential-20@48"):
        assert words in " ".join(lines)
    assert max(map(len, lines)) <= 44 and "…" not in str(chart.svg)
