"""A judge that taught a player does not measure it, however it came from its run to the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command import OPTIONS, call, start, told
from inspect_ai import eval as inspect_eval

from advgame.config import load
from advgame.config.game import SeedSource
from advgame.errors import JudgeError
from advgame.evals import attacked as attacks
from advgame.evals import catalog, provider, subjects
from advgame.evals.catalog import SafetyTask
from advgame.models import network
from advgame.store.taught import FORK, Judges, taught_by, training_judges
from advgame.types import Kind, Role

Captured = pytest.CaptureFixture[str]

LENGTH = "judges.defender={type: import, path: 'audit_judge:make'}"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(provider, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(network, "_multiplies_bfloat16", lambda: False)
    Path("own.jsonl").write_text('{"text": "a request", "split": "test"}\n')
    task = SafetyTask(name="own", source=SeedSource(name="own.jsonl"), kind=Kind.HARMFUL)
    monkeypatch.setitem(catalog.TASKS, "own", task)
    Path("length.yaml").write_text("type: import\npath: audit_judge:make\n")
    Path("rule.yaml").write_text("type: rule\n")


def fork(source: str, out: str, *more: str) -> int:
    return call("train", "tiny", *OPTIONS, "--from", source, "--out", out, *more)


def kinds(judges: Judges | None) -> list[str]:
    return sorted(judge.type for judge in judges or ())


def refused(capsys: Captured, who: str, judge: str, *more: str) -> bool:
    capsys.readouterr()
    code = call("eval", who, "--task", "own", "--judge", judge, "--max-tokens", "4", *more)
    message = capsys.readouterr().err
    assert code in (0, 2), message
    if code == 2:
        assert "trained this player" in told(message)
    return code == 2


def report() -> dict[str, Any]:
    path = max(Path("evals").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_the_judges_of_parents_and_grandparents_are_known(capsys: Captured) -> None:
    assert start(LENGTH, out="grand") == 0
    assert fork("grand@1", "parent") == 0
    assert fork("parent", "child", "--fresh", "attacker", "judges.audit.every=0") == 0
    assert not Path("grand", FORK).exists()
    assert kinds(taught_by(Path("parent"), Role.ATTACKER)) == ["import", "rule"]
    assert kinds(taught_by(Path("child"), Role.DEFENDER)) == ["import", "rule"]
    assert kinds(taught_by(Path("child"), Role.ATTACKER)) == ["rule"]  # it began anew
    assert kinds(taught_by(Path("child"))) == ["import", "rule"]
    assert refused(capsys, "child", "length.yaml")
    assert refused(capsys, "child@1", "length.yaml")
    assert call("eval", "child@1", "--step", "1", "--task", "own", "--judge", "patterns") == 2
    assert "both name a checkpoint" in told(capsys.readouterr().err)
    assert not refused(capsys, "child", "length.yaml", "--role", "attacker")
    assert call("judge", "follow", "child", "--judge", "length.yaml") == 2
    assert "trained this player" in told(capsys.readouterr().err)
    target = ("--target", "model:child", "--seeds", "own.jsonl", "--out", "found")
    assert call("redteam", *target, "--judge", "length.yaml", "--dry-run") == 2
    assert "trained this player" in told(capsys.readouterr().err)
    same = ("--target", "inspect:advgame/child", *target[2:])
    assert call("redteam", *same, "--judge", "length.yaml", "--dry-run") == 2
    assert "trained this player" in told(capsys.readouterr().err)
    again = ("redteam", "replay", "found", "--target", "model:child", "--judge", "length.yaml")
    assert call(*again) == 2
    assert "trained this player" in told(capsys.readouterr().err)
    assert call(*again, "--allow-training-judge") == 2
    assert "trained this player" not in told(capsys.readouterr().err)  # there are no findings
    Path("child", FORK).write_text("{")
    assert call("eval", "child", "--task", "own", "--judge", "patterns") == 2
    assert "fork.json is damaged" in told(capsys.readouterr().err)


def test_a_judge_that_trained_the_attacker_counts_none_of_its_successes(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attacks, "cache_dir", lambda: Path("cache"))
    task = replace(catalog.TASKS["own"], name="own-attacked", attacked=True)
    monkeypatch.setitem(catalog.TASKS, "own-attacked", task)
    assert start(LENGTH) == 0
    asked = ("eval", "tiny-random", "--task", "own-attacked", "--max-tokens", "4")
    asked += ("--attacker", "run", "--judge")
    assert call(*asked, "length.yaml") == 2
    assert "trained the Attacker" in told(capsys.readouterr().err)
    assert call(*asked, "length.yaml", "--allow-training-judge") == 0
    found = report()
    assert (found["trained_by"], found["judge_trained_this_run"]) == (None, True)
    made = found["tasks"]["own-attacked"]["attacks"]
    assert made["by"] == "run@2"
    assert made["read_tokens"] > 0 and made["tokens"] > 0
    assert found["cost"]["attack_read_tokens"] == made["read_tokens"]
    assert call(*asked, "rule.yaml") == 0
    with pytest.raises(JudgeError, match="trained the Attacker"):
        inspect_eval(
            "advgame/harmbench-attacked",
            model="mockllm/model",
            task_args={"judge": "length.yaml", "attacker": "run"},
            display="none",
        )


def test_a_fork_that_came_to_nothing_is_none() -> None:
    assert start(LENGTH, out="other") == 0
    assert start() == 0
    Path("run", FORK).write_text('{"trained_by": {"defender": [{"type": "sandbox"}]}}')
    assert start("--resume") == 0
    assert kinds(taught_by(Path("run"))) == ["rule", "sandbox"]  # it goes on: what it was, it is
    for path in Path("run/checkpoints").iterdir():  # as if it had been killed before the first save
        path.rename(Path(path.name))
    assert start("--resume") == 0
    assert not Path("run", FORK).exists()


def test_an_exported_player_says_who_taught_it(capsys: Captured) -> None:
    assert start(LENGTH, "name=secret", out="grand") == 0
    assert fork("grand", "run") == 0
    assert call("export", "run", "out", "--role", "defender") == 0
    assert refused(capsys, "out", "rule.yaml")
    assert refused(capsys, "out", "length.yaml")
    assert not refused(capsys, "out", "length.yaml", "--allow-training-judge")
    assert report()["judge_trained_this_run"] is True
    assert not refused(capsys, "out", "patterns")
    Path("evals/own-out.json").unlink()
    assert call("eval", "out", "--task", "own", "--judge", "patterns") == 0
    assert "judge: patterns\n" in capsys.readouterr().out
    assert report()["trained_by"] == ["rule", "import audit_judge:make"]
    assert report()["judge_trained_this_run"] is False
    again = load("tiny", ["defender.model=out"])  # a run that begins with it
    assert kinds(training_judges(again)) == ["import", "rule"]
    assert kinds(training_judges(again, Role.ATTACKER)) == ["rule"]

    card = json.loads(Path("out/advgame.json").read_text())
    del card["trained_by"]  # as versions before wrote it
    Path("out/advgame.json").write_text(json.dumps(card))
    assert not refused(capsys, "out", "rule.yaml")
    assert (report()["trained_by"], report()["judge_trained_this_run"]) == (None, None)
    assert call("eval", "out", "--task", "own", "--judge", "rule.yaml") == 0
    assert "the judges that trained this export are not known" in capsys.readouterr().out
    Path("out/advgame.json").write_text(json.dumps(card | {"trained_by": [{"type": "?"}]}))
    assert call("eval", "out", "--task", "own", "--judge", "patterns") == 2
    assert "advgame.json is damaged" in told(capsys.readouterr().err)


def test_where_a_generative_judge_is_asked_is_in_no_export() -> None:
    from advgame.config.judges import GenerativeJudgeConfig
    from advgame.config.players import OpenAIEngine
    from advgame.store.taught import told as written

    engine = OpenAIEngine(base_url="http://inside.example/v1", key_env="SECRET")
    (row,) = written([GenerativeJudgeConfig(model="m", engine=engine)])
    assert (row["type"], row["model"], row["rubrics"]) == ("generative", "m", None)
    assert "inside" not in json.dumps(row) and "SECRET" not in json.dumps(row)


def test_measure_says_whether_its_judge_taught(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "build_embedder", lambda name: None)
    monkeypatch.setattr("advgame.evals.measure.of_plain", lambda *_: {})
    monkeypatch.setattr("advgame.evals.table.tables", lambda report: iter(()))
    assert start(LENGTH, out="grand") == 0
    second = "judges.evaluation={type: import, path: 'audit_judge:make'}"
    assert fork("grand", "run", second, "judges.audit.every=0") == 0
    assert call("measure", "run", "--seeds", "2") == 0
    assert "it trained these players" in capsys.readouterr().out
    found = json.loads(Path("run/measure.json").read_text())
    assert found["judge"] == "import audit_judge:make"
    assert found["judge_trained_this_run"] is True
