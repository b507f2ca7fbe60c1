"""What commands print: full lines of help, notes below a table, the file that was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from command import call
from fake_study import STUDY

from advgame.cli import study
from advgame.cli.eval import _show
from advgame.cli.progress import bars

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def paragraphs(text: str) -> Iterator[list[str]]:
    """Those of the prose above the boxes of a help."""
    found: list[str] = []
    for line in text.partition("╭")[0].splitlines():
        if line.strip():
            found.append(line.strip())
        elif found:
            yield found
            found = []


@pytest.mark.parametrize(
    "line", ["eval", "judge audit", "judge follow", "compare", "study", "measure", "serve",
             "redteam", "redteam replay"]
)  # fmt: skip
def test_the_lines_of_a_help_are_full(line: str, capsys: Captured) -> None:
    assert call(*line.split(), "-h") == 0
    _, *prose = paragraphs(capsys.readouterr().out)
    assert any(len(each) > 1 for each in prose)
    for each in prose:
        for line, following in pairwise(each):
            assert len(line) <= 78 < len(f"{line} {following.split()[0]}")


def test_what_a_task_leaves_out_is_said_below_the_table(capsys: Captured) -> None:
    row = {"counts": "attack_success", "value": 0.5, "low": 0.4, "high": 0.6, "n": 32,
           "unscored": 0, "cost": {"seconds": 3}}  # fmt: skip
    lacks = {**row, "lacks": "its contextual behaviours: 200 of 400"}
    costs = ("reference_reply_tokens", "reply_tokens", "prompt_tokens", "seconds", "from_cache")
    report: dict[str, Any] = {
        "tasks": {"harmbench": lacks, "benign-edgy": row, "harmbench-templates": lacks},
        "judge": None, "trained_by": None, "judge_trained_this_run": False,
        "cost": dict.fromkeys(costs, 0),
    }  # fmt: skip
    _show(report)
    text = capsys.readouterr().out
    assert "50% (40–60)" in text
    told = "harmbench, harmbench-templates without its contextual behaviours: 200 of 400"
    assert told in text.splitlines()
    assert "benign-edgy without" not in text


def test_bars_that_cannot_move_leave_no_empty_line(capsys: Captured) -> None:
    with bars() as move:
        move("harmbench", 1, 2)
    assert "".join(capsys.readouterr()) == ""


def test_a_study_names_the_report_that_it_wrote(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(study, "_run", lambda *_: {})
    Path("study.yaml").write_text(STUDY)
    written = Path("runs/study-known/study.json")
    assert call("study", "study.yaml", "--report-only") == 0
    assert "study.json" not in capsys.readouterr().out and not written.exists()
    assert call("study", "study.yaml") == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(written)
    found = json.loads(written.read_text())
    assert call("study", "study.yaml", "--json") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == found and str(written) in printed.err
