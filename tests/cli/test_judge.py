"""`advgame judge audit` from the command line, on the packaged labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import call, told
from fake_run import write_fake_run

from advgame.metrics import agreement

pytestmark = pytest.mark.assets


def test_json_is_one_object_and_the_page_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "RESAMPLES", 40)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rule.yaml").write_text("type: rule\n")
    options = ("--judge", "patterns", "--against", "rule.yaml", "--limit", "40", "--probes", "6")
    assert call("judge", "audit", *options, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["judge"] == "patterns" and found["against"]["name"] == "rule"
    refusal = found["questions"]["refusal"]
    assert 40 <= refusal["n"] < 60 and refusal["accuracy"]["value"] > 0.7
    assert refusal["second"]["kappa"]["value"] is not None
    assert found["raters"]["n"] > 1000
    page = (tmp_path / "judge-audit-patterns.html").read_text(encoding="utf-8")
    assert "Can the judge be believed?" in page
    assert "--against" in page and "rule.yaml" in page


def test_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "RESAMPLES", 40)
    out = tmp_path / "page.html"
    options = ("--judge", "patterns", "--limit", "10", "--probes", "2", "--out", str(out))
    assert call("judge", "audit", *options) == 0
    printed = capsys.readouterr().out
    assert "Against people" in printed and "What must not count" in printed
    assert max(map(len, printed.splitlines())) <= 80 + len(str(out))
    assert out.exists()


def test_a_misspelt_judge_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("judge", "audit", "--judge", "c") == 2
    assert "no judge is named 'c'" in told(capsys.readouterr().err)


def test_a_whole_configuration_is_no_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "whole.yaml").write_text("extends: tiny\njudges: {defender: {type: rule}}\n")
    assert call("judge", "audit", "--judge", str(tmp_path / "whole.yaml")) == 2
    assert "no key `type`; write a judge's keys alone" in told(capsys.readouterr().err)


def test_following_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = str(write_fake_run(tmp_path / "run", steps=12, seeds=4))
    assert call("judge", "follow", run, "--judge", "patterns", "--every", "2") == 0
    printed = capsys.readouterr().out
    assert "After 6 audits" in printed and "defender harmful" in printed
    assert max(map(len, printed.splitlines())) <= 80 and "…" not in printed
    assert call("judge", "follow", run, "--judge", "patterns", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [line["step"] for line in found["lines"]] == [0, 5, 10]
    capsys.readouterr()
    assert call("judge", "follow", run, "--judge", "a") == 2
    refused = told(capsys.readouterr().err)
    assert "trained this player" in refused and "--allow-training-judge" not in refused
    for path in (tmp_path / "run/episodes").iterdir():
        path.unlink()
    assert call("judge", "follow", run, "--judge", "patterns") == 2
    assert "no recorded step" in told(capsys.readouterr().err)
