"""kill -9 in the middle of `advgame eval`: nothing that was answered is asked again."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from asked import batches, record
from command import call
from warm import Command

from advgame.engines.hf import HfSampler

LINE = ("eval", "tiny-random", "--task", "benign-everyday", "--judge", "patterns",
        "--max-tokens", "4", "--limit", "64", "--json")  # fmt: skip


@pytest.mark.timeout(1200)  # a fresh process on a loaded machine
def test_killed_and_called_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, cache = str(tmp_path / "evals"), str(tmp_path / "cache")
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    killed = Command(
        *(*LINE, "--out", out),
        log=tmp_path / "killed",
        before=record,
        options=(str(first), cache, 2),
    )
    assert killed.wait_for("standing still"), killed.err
    killed.signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    answered, lost = batches(first)
    assert answered and lost
    assert not list(Path(out).glob("*.json"))

    monkeypatch.setenv("ADVGAME_CACHE", cache)
    monkeypatch.setattr(HfSampler, "sample", HfSampler.sample)  # undone after the test
    record(str(second), cache)
    capsys.readouterr()
    assert call(*LINE, "--out", out) == 0
    asked = [prompt for batch in batches(second) for prompt in batch]
    assert len(asked) == len(set(asked)) == 64 - len(answered)
    assert not {*asked} & {*answered}
    assert {*asked} >= {*lost}
    report = json.loads(capsys.readouterr().out)
    row = report["tasks"]["benign-everyday"]
    assert (row["n"] + row["unscored"], len(row["outcomes"])) == (64, 64)
    assert row["cost"]["from_cache"] == len(answered)
