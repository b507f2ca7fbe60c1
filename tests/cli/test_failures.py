"""What breaks while a run is under way: the disk, the folder. The last checkpoint is intact."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command import OPTIONS, intact, start, told
from warm import Command, no_room_from

from advgame.cli.live import State
from advgame.events import Event, StepDone

Captured = pytest.CaptureFixture[str]
RUN = Path("run")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("moment", "size", "where", "step"),
    [
        ("1 save", 10_000, "run/checkpoints/step-000002", 1),
        ("1 learn", 10_000, "run/episodes/step-000001.jsonl", 1),
        ("finished", 10_000, "run/report.html", 2),
    ],
)
def test_a_full_disk_leaves_the_last_checkpoint(
    moment: str, size: int, where: str, step: int, tmp_path: Path
) -> None:
    line = ["train", "tiny", *OPTIONS, "--out", "run"]
    limited = Command(*line, log=tmp_path / "log", before=no_room_from, options=[moment, size])
    assert limited.wait() == 2
    err = told(limited.err)
    assert f"no room left on the disk for {where}: free some space" in err
    intact(RUN, step)
    assert start("--resume") == 0
    intact(RUN, 2)


@pytest.mark.parametrize("how", ["removed", "moved"])
def test_a_run_folder_that_is_taken_away(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured, here: Path
) -> None:
    take = State.take

    def take_away(self: State, event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 0:
            shutil.rmtree(RUN) if how == "removed" else RUN.rename("elsewhere")
        take(self, event)

    monkeypatch.setattr(State, "take", take_away)
    assert start() == 2
    assert "run was moved or removed while the run was writing" in told(capsys.readouterr().err)
    assert not RUN.exists()
